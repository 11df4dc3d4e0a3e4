/**
 * Verifies an audit: its chain, its signatures and its end. It needs the public key alone, and neither the server nor a
 * package.
 *
 * @module
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import { concat, sha256Hex, utf8 } from "../../base/bytes.ts";
import {
  chainOrigin,
  type ChainPosition,
  isSignedBy,
  type ParsedAuditLine,
  parsedAuditLine,
  positionOf,
} from "./audit_format.ts";
import { type AuditFile, auditLines, type PlacedLine } from "./audit_lines.ts";
import { KeyringError } from "./problems.ts";

/** The first place at which an audit does not verify. */
export interface AuditBreak {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** The end of a sentence, without its full stop. */
  readonly reason: string;
}

/** The result. Counts are of the lines before a break. */
export interface AuditReport {
  readonly lines: number;
  /** Number of the first line. Above 1 if older files are not part of the input. */
  readonly firstSeq: number | undefined;
  /** Time of the first line, RFC 3339. */
  readonly firstTime: string | undefined;
  readonly last: (ChainPosition & { readonly time: string }) | undefined;
  readonly server: string | undefined;
  /** Number of signed lines. */
  readonly heads: number;
  /** Number of the last signed line. Lines behind it can have been changed together with their hashes. */
  readonly signedSeq: number | undefined;
  /** The checkpoint of the last signed line that has one. */
  readonly checkpoint: string | undefined;
  /** Number of cut-off writes that a marker closes. */
  readonly torn: number;
  /** Number of entries that the server could not write and says so. */
  readonly lost: number;
  /** Absent if the audit verifies. */
  readonly brokenAt?: AuditBreak;
}

/** Maximum number of lines that one cut-off write can have left. */
export const maxFragmentLines = 64;

/**
 * Verifies files in the order in which they were written.
 *
 * @param expected a place that the chain must contain: a head that was kept elsewhere. Without it, missing lines at the end
 *   cannot be noticed.
 */
export async function verifyAudit(
  files: Iterable<AuditFile> | AsyncIterable<AuditFile>,
  publicKey: KeyObject,
  expected?: ChainPosition,
): Promise<AuditReport> {
  const verifier = new AuditVerifier(publicKey, expected);
  for await (const line of auditLines(files)) {
    if (!verifier.take(line)) break;
  }
  return verifier.end();
}

/**
 * The public key of an audit.
 *
 * @param pem SPKI in PEM.
 * @throws {KeyringError} `request_invalid`
 */
export function auditPublicKey(pem: string): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = createPublicKey(pem);
  } catch {
    key = undefined;
  }
  // A private key would be accepted as well: its public half is derived.
  if (key?.asymmetricKeyType === "ed25519" && pem.includes("-----BEGIN PUBLIC KEY-----")) return key;
  throw new KeyringError(
    "request_invalid",
    "Cannot read the key of the audit: it is no Ed25519 public key in PEM; use the one that `audit key` printed.",
  );
}

/** SHA-256 of the key's SubjectPublicKeyInfo in DER, lowercase hexadecimal. */
export function auditKeyFingerprint(key: KeyObject): string {
  return sha256Hex(new Uint8Array(key.export({ type: "spki", format: "der" })));
}

const nothing: AuditReport = {
  lines: 0,
  firstSeq: undefined,
  firstTime: undefined,
  last: undefined,
  server: undefined,
  heads: 0,
  signedSeq: undefined,
  checkpoint: undefined,
  torn: 0,
  lost: 0,
};

/** A line that a later marker may declare to be a part of a cut-off write. */
interface HeldLine {
  readonly line: PlacedLine;
  readonly before: AuditReport;
}

class AuditVerifier {
  readonly #key: KeyObject;
  readonly #expected: ChainPosition | undefined;
  #report = nothing;
  #held: HeldLine[] = [];
  #broken: AuditBreak | undefined;
  #last: PlacedLine | undefined;

  constructor(key: KeyObject, expected: ChainPosition | undefined) {
    this.#key = key;
    this.#expected = expected;
  }

  /** @returns whether a later line can still matter. */
  take(line: PlacedLine): boolean {
    this.#last = line;
    const parsed = parsedAuditLine(line.bytes);
    const torn = parsed?.kind === "torn" ? this.#beforeFragment(parsed) : undefined;
    if (torn !== undefined) {
      this.#report = { ...torn, torn: torn.torn + 1 };
      this.#held = [];
      this.#broken = undefined;
    }
    this.#held.push({ line, before: this.#report });
    const reason = this.#broken === undefined ? this.#accept(line, parsed, torn !== undefined) : undefined;
    if (reason !== undefined) this.#broken = { file: line.file, line: line.line, reason };
    if (this.#held.length <= maxFragmentLines) return true;
    this.#held.shift();
    // The first line that does not verify is too far back for a marker.
    return this.#broken === undefined || this.#held.some((one) => isAt(one.line, this.#broken));
  }

  end(): AuditReport {
    const brokenAt = this.#broken ?? this.#breakAtEnd();
    return brokenAt === undefined ? this.#report : { ...this.#report, brokenAt };
  }

  /** The report before the bytes that a marker declares to be cut off; `undefined` if they are not the bytes before it. */
  #beforeFragment({ fields, prev }: ParsedAuditLine): AuditReport | undefined {
    let length = -1;
    const from = this.#held.findLastIndex(({ line }) => (length += line.bytes.length + 1) >= Number(fields.bytes));
    const before = this.#held[from]?.before;
    if (before === undefined || length !== fields.bytes) return undefined;
    const parts = this.#held.slice(from).flatMap(({ line }, at) => at === 0 ? [line.bytes] : [utf8("\n"), line.bytes]);
    const fits = sha256Hex(concat(...parts)) === fields.sha256 && (before.last?.hash ?? prev) === prev;
    return fits ? before : undefined;
  }

  /** Adds a line to the report. @returns the reason why it cannot be, as the end of a sentence. */
  #accept(line: PlacedLine, parsed: ParsedAuditLine | undefined, closes: boolean): string | undefined {
    if (parsed === undefined) return "is no line of an audit";
    const why = this.#whyUnchained(parsed, closes) ?? this.#whyUnsigned(parsed, line.bytes);
    if (why !== undefined) return why;
    if (!line.ended) return "is cut off: the server has crashed or is just writing it; its next start closes the line";
    const position = positionOf(parsed.seq, line.bytes);
    if (parsed.seq === this.#expected?.seq && position.hash !== this.#expected.hash) {
      return "is not the line that the kept head names";
    }
    this.#report = added(this.#report, parsed, position);
    return undefined;
  }

  #whyUnchained({ seq, prev, kind, fields }: ParsedAuditLine, closes: boolean): string | undefined {
    const before = this.#report.last ?? (seq === 1 ? chainOrigin : { seq: seq - 1, hash: prev });
    const next = before.seq + 1;
    if (seq !== next) return `has the number ${seq} where ${next} follows`;
    if (prev !== before.hash) {
      return "does not continue the line before it: one of both was changed, or a line is missing";
    }
    if (kind === "torn" && !closes) return "closes a cut-off write, but other bytes stand before it";
    if (fields.missing !== undefined) return `says that ${Number(fields.missing)} lines before it are missing`;
    const { server } = this.#report;
    const isOther = server !== undefined && fields.server !== undefined && fields.server !== server;
    return isOther ? "is of another server" : undefined;
  }

  #whyUnsigned({ kind }: ParsedAuditLine, bytes: Uint8Array): string | undefined {
    return kind !== "head" || isSignedBy(this.#key, bytes) ? undefined : "is not signed by this key";
  }

  #breakAtEnd(): AuditBreak | undefined {
    const place = { file: this.#last?.file ?? "", line: this.#last?.line ?? 0 };
    const { last, firstSeq = 1, heads } = this.#report;
    const seq = this.#expected?.seq;
    if (seq !== undefined && (last === undefined || seq > last.seq)) {
      return { ...place, reason: `is the last one, and the kept head names line number ${seq}: lines are missing` };
    }
    if (seq !== undefined && seq < firstSeq) {
      return { ...place, reason: `belongs to files that begin after line number ${seq} of the kept head` };
    }
    return heads === 0 ? { ...place, reason: "is the last one, and no line is signed" } : undefined;
  }
}

function added(report: AuditReport, { kind, seq, time, fields }: ParsedAuditLine, at: ChainPosition): AuditReport {
  const isHead = kind === "head";
  const { server, checkpoint, count } = fields;
  return {
    ...report,
    lines: report.lines + 1,
    firstSeq: report.firstSeq ?? seq,
    firstTime: report.firstTime ?? time,
    last: { ...at, time },
    server: typeof server === "string" ? server : report.server,
    heads: report.heads + (isHead ? 1 : 0),
    signedSeq: isHead ? seq : report.signedSeq,
    checkpoint: isHead && typeof checkpoint === "string" ? checkpoint : report.checkpoint,
    lost: report.lost + (kind === "lost" && typeof count === "number" ? count : 0),
  };
}

function isAt(line: PlacedLine, place: AuditBreak | undefined): boolean {
  return line.file === place?.file && line.line === place.line;
}
