/**
 * Records of enrolments and codes.
 *
 * @module
 */
import * as z from "zod/mini";
import { hex } from "../../../base/bytes.ts";
import { jsonCodec } from "../records/json_codec.ts";

/** A certificate of an enrolment. */
export interface RecordedCertificate {
  /** SHA-256 of the certificate, 64 hex digits. */
  readonly sha256: string;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
}

/** An enrolment: one device of a person. */
export interface EnrolmentRecord {
  /** The person, as `personNamePattern`. */
  readonly name: string;
  /** Roles that the enrolment gives, beside those that the person may take. */
  readonly roles: readonly string[];
  readonly createdAt: number;
  /** Name of the identity that made it. */
  readonly createdBy: string;
  readonly restore: number;
  /** The time of the first certificate, and the end; without them, the code was not used. */
  readonly enrolledAt?: number | undefined;
  readonly endsAt?: number | undefined;
  /** The certificates that are accepted, the newest last. */
  readonly certificates: readonly RecordedCertificate[];
  readonly revokedAt?: number | undefined;
  readonly revokedBy?: string | undefined;
}

/** A code that was not used. */
export interface CodeRecord {
  /** 32 hex digits. */
  readonly enrolmentId: string;
  readonly expiresAt: number;
  readonly restore: number;
}

const time = z.int();
const number = z.int().check(z.minimum(0));
const id = z.string().check(z.regex(/^[0-9a-f]{32}$/));

export const enrolmentCodec = jsonCodec<EnrolmentRecord>(
  "enrolment",
  z.strictObject({
    name: z.string(),
    roles: z.array(z.string()),
    createdAt: time,
    createdBy: z.string(),
    restore: number,
    enrolledAt: z.optional(time),
    endsAt: z.optional(time),
    certificates: z.array(
      z.strictObject({ sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)), notAfter: time }),
    ),
    revokedAt: z.optional(time),
    revokedBy: z.optional(z.string()),
  }),
  true,
);

export const codeCodec = jsonCodec<CodeRecord>(
  "code",
  z.strictObject({ enrolmentId: id, expiresAt: time, restore: number }),
);

/** The 16 bytes of an ID of 32 lowercase hex digits; `undefined` for any other text. */
export function idBytes(text: string): Uint8Array | undefined {
  if (!/^[0-9a-f]{32}$/.test(text)) return undefined;
  return Uint8Array.from({ length: 16 }, (_, at) => Number.parseInt(text.slice(2 * at, 2 * at + 2), 16));
}

/** 16 random bytes as an ID. */
export function newId(): string {
  return hex(crypto.getRandomValues(new Uint8Array(16)));
}
