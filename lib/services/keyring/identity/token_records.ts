/**
 * Records of bearer tokens, and the tokens themselves.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import * as z from "zod/mini";
import { base64url, hex, utf8 } from "../../../base/bytes.ts";
import { jsonCodec } from "../records/json_codec.ts";
import type { RecordReader } from "../records/records.ts";
import type { ClaimValue } from "../policy/takers.ts";

/** The first characters of each token, by which scanners for secrets know it. */
export const tokenPrefix = "tsk_";

/** `tsk_`, then 32 bytes in base64url. */
const tokenPattern = /^tsk_[A-Za-z0-9_-]{43}$/;

/** An identity that logged in. */
export interface LoginSubject {
  readonly kind: "kubernetes" | "oidc";
  /** The configured name of the cluster or issuer. */
  readonly source: string;
  readonly subject: string;
  /** The claims that the role named at the login. */
  readonly claims: Readonly<Record<string, ClaimValue>>;
}

/** A token. Its row key is an HMAC of it, whose first 16 bytes are its ID. */
export interface TokenRecord {
  readonly role: string;
  /** An identity that logged in; absent for a token that an administrator made. */
  readonly login?: LoginSubject | undefined;
  /** The name that the administrator gave. */
  readonly name?: string | undefined;
  readonly createdBy: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  /** Maximum of `expiresAt` after renewals. */
  readonly renewableUntil: number;
  readonly restore: number;
  readonly revokedAt?: number | undefined;
  readonly revokedBy?: string | undefined;
}

const time = z.int();

export const tokenCodec = jsonCodec<TokenRecord>(
  "token",
  z.strictObject({
    role: z.string(),
    login: z.optional(z.strictObject({
      kind: z.enum(["kubernetes", "oidc"]),
      source: z.string(),
      subject: z.string(),
      claims: z.record(z.string(), z.union([z.string(), z.array(z.string())])),
    })),
    name: z.optional(z.string()),
    createdBy: z.string(),
    createdAt: time,
    expiresAt: time,
    renewableUntil: time,
    restore: z.int().check(z.minimum(0)),
    revokedAt: z.optional(time),
    revokedBy: z.optional(z.string()),
  }),
  true,
);

/** A new token of 256 random bits. */
export function newToken(): string {
  return `${tokenPrefix}${base64url(randomBytes(32))}`;
}

/** The row key of a token; `undefined` if the text is no token. */
export async function tokenKey(store: Pick<RecordReader, "lookupKey">, token: string): Promise<Uint8Array | undefined> {
  return tokenPattern.test(token) ? await store.lookupKey("token", utf8(token)) : undefined;
}

/** The ID of a token, 32 hex digits, by its row key. */
export function tokenIdOf(key: Uint8Array): string {
  return hex(key.subarray(0, 16));
}
