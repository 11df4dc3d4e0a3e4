/**
 * The lines of the keyring's audit. Each is a JSON object on a line of its own with the SHA-256 of the line before it, so
 * that lines form a chain; some lines are signed with Ed25519 and with them all lines before. Paths stand in plain text;
 * values and fingerprints never do.
 *
 * @module
 */
import { type KeyObject, sign, verify } from "node:crypto";
import { base64, exactText, fromBase64, sha256Hex, utf8 } from "../../base/bytes.ts";
import { rfc3339 } from "../../base/clock.ts";
import type { ProblemCode } from "./problems.ts";

/** A request with an identity, allowed or refused. */
export interface KeyringAuditEntry {
  readonly requestId: string;
  /** Name of the identity, for instance `person:anna`. */
  readonly identity: string;
  /** For instance `read`, `generate`, `token create`. */
  readonly action: string;
  readonly path?: string;
  readonly version?: number;
  readonly result: "ok" | ProblemCode;
  /** Of the client. */
  readonly address?: string;
  /** Further detail; no value, fingerprint, token or code. */
  readonly note?: string;
}

/** The kinds of line and their meaning. */
export const auditLineKinds = {
  /** A process or a file begins. Has `format` and `server`; `missing` if lines before it are known to be lost. */
  start: true,
  /** A {@linkcode KeyringAuditEntry}. */
  entry: true,
  /** Requests without an identity, or beyond its rate: `address`, `count`, and `from`, the time of the first one. */
  denied: true,
  /** `count` entries were answered and could not be written. */
  lost: true,
  /** The `bytes` before it are no lines: a write was cut off. `sha256` is their hash. */
  torn: true,
  /** Signed. Has `server`, and `checkpoint` if the store has one. */
  head: true,
} as const satisfies Readonly<Record<string, true>>;

/** A kind of line. */
export type AuditLineKind = keyof typeof auditLineKinds;

/** A place in a chain: the number of a line, from 1, and its hash in lowercase hexadecimal. */
export interface ChainPosition {
  readonly seq: number;
  readonly hash: string;
}

/** The place before the first line. */
export const chainOrigin: ChainPosition = { seq: 0, hash: "0".repeat(64) };

/** Maximum length of a line in bytes. A path of 16 segments has at most 12,300 bytes in JSON. */
export const maxAuditLineBytes = 32_768;

/** Version of the format, in each `start`. */
export const auditFormat = 1;

/** Keeps signatures of heads apart from all other signatures with the key. */
const signatureContext = "trousseau keyring audit head 1\n";

const signaturePattern = /^(\{.*),"signature":"([A-Za-z0-9+/]{86}==)"\}$/s;

/**
 * The text of a line without its line feed.
 *
 * @param before the place of the line before it.
 * @param at milliseconds since the epoch.
 */
export function chainedLine(kind: AuditLineKind, before: ChainPosition, at: number, fields: object): string {
  const time = rfc3339(at) ?? "";
  return JSON.stringify({ type: kind, seq: before.seq + 1, time, ...fields, prev: before.hash });
}

/** A `head`: a chained line with its signature as the last field. */
export function signedLine(line: string, key: KeyObject): string {
  const signature = base64(sign(null, utf8(signatureContext + line), key));
  return `${line.slice(0, -1)},"signature":"${signature}"}`;
}

/** Whether a `head` was signed by the key. */
export function isSignedBy(key: KeyObject, head: Uint8Array): boolean {
  const [, body, encoded = ""] = signaturePattern.exec(exactText(head) ?? "") ?? [];
  const signature = fromBase64(encoded);
  return body !== undefined && signature !== undefined &&
    verify(null, utf8(`${signatureContext}${body}}`), key, signature);
}

/** The place of a line. @param line its bytes without the line feed. */
export function positionOf(seq: number, line: Uint8Array): ChainPosition {
  return { seq, hash: sha256Hex(line) };
}

/** A line as it was read. */
export interface ParsedAuditLine {
  readonly kind: AuditLineKind;
  readonly seq: number;
  readonly time: string;
  readonly prev: string;
  /** All fields. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Parses a line; `undefined` if the server cannot have written these bytes. @param line without the line feed. */
export function parsedAuditLine(line: Uint8Array): ParsedAuditLine | undefined {
  const fields = line.length > maxAuditLineBytes ? undefined : jsonObject(exactText(line));
  if (fields === undefined) return undefined;
  const { type, seq, time, prev } = fields;
  if (typeof type !== "string" || !Object.hasOwn(auditLineKinds, type)) return undefined;
  if (typeof seq !== "number" || !Number.isSafeInteger(seq) || seq < 1) return undefined;
  if (typeof time !== "string" || typeof prev !== "string" || !/^[0-9a-f]{64}$/.test(prev)) return undefined;
  return { kind: type as AuditLineKind, seq, time, prev, fields };
}

function jsonObject(text: string | undefined): Readonly<Record<string, unknown>> | undefined {
  // JSON allows white space around an object; the server writes none.
  if (text === undefined || !text.startsWith("{") || !text.endsWith("}")) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
