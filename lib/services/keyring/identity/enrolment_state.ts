/**
 * The state of an enrolment at a time.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { sha256Hex } from "../../../base/bytes.ts";
import type { SignedCertificate } from "./certificate_authority.ts";
import type { EnrolmentRecord } from "./enrolment_records.ts";
import { lifetimes } from "./lifetimes.ts";

/** Maximum number of certificates of one enrolment that are accepted at one time; the newest ones are. */
const maxCertificates = 4;
/** An enrolment in a list. */
export interface EnrolmentInfo {
  /** 32 hex digits. */
  readonly id: string;
  readonly name: string;
  readonly roles: readonly string[];
  /** `pending`: the code was not used yet; `ended`: also an enrolment from before a restore. */
  readonly state: "pending" | "active" | "ended" | "revoked";
  readonly createdAt: number;
  readonly createdBy: string;
  readonly enrolledAt?: number;
  /** Milliseconds since the epoch; no certificate is renewed beyond it. */
  readonly endsAt?: number;
  /** Expiry of the newest certificate. */
  readonly certificateUntil?: number;
}

/** The record with one more certificate, without those that have expired. */
export function withCertificate(record: EnrolmentRecord, issued: SignedCertificate, now: number): EnrolmentRecord {
  const added = { sha256: certificateHash(new X509Certificate(issued.certificate).raw), notAfter: issued.notAfter };
  const kept = record.certificates.filter(({ notAfter }) => notAfter > now);
  return { ...record, certificates: [...kept, added].slice(-maxCertificates) };
}

/** The hash by which an enrolment knows a certificate: SHA-256 of its DER, 64 hex digits. */
export function certificateHash(der: Uint8Array): string {
  return sha256Hex(der);
}

/**
 * An enrolment whose certificates are accepted.
 *
 * @param record `undefined` if there is none.
 * @param current the restore number of the store.
 * @throws {KeyringError} `unauthenticated` if there is none, if it has ended, was revoked, or is from before a restore.
 */
export function activeEnrolment(
  record: EnrolmentRecord | undefined,
  current: number,
  now: number,
): EnrolmentRecord & { readonly endsAt: number } {
  if (record === undefined) throw refusedCertificate("the enrolment of this certificate does not exist");
  const state = enrolmentState(record, current, now);
  if (state === "active" && record.endsAt !== undefined) return { ...record, endsAt: record.endsAt };
  throw refusedCertificate(
    state === "revoked"
      ? "the enrolment of this certificate was revoked"
      : "the enrolment of this certificate has ended; ask an administrator for a new code",
  );
}

/** The error for a client certificate. */
export function refusedCertificate(why: string): KeyringError {
  return new KeyringError("unauthenticated", `The client certificate is refused: ${why}.`);
}

/** @param current the restore number of the store. */
export function enrolmentState(
  { revokedAt, enrolledAt, endsAt, restore, createdAt }: EnrolmentRecord,
  current: number,
  now: number,
) {
  if (revokedAt !== undefined) return "revoked" as const;
  if (restore !== current) return "ended" as const;
  if (enrolledAt === undefined) {
    return createdAt + lifetimes.enrolmentCode > now ? "pending" as const : "ended" as const;
  }
  return (endsAt ?? 0) > now ? "active" as const : "ended" as const;
}

/** The entry of a list. */
export function enrolmentInfo(id: string, record: EnrolmentRecord, restore: number, now: number): EnrolmentInfo {
  const { name, roles, createdAt, createdBy, enrolledAt, endsAt, certificates } = record;
  const last = certificates.at(-1);
  return {
    id,
    name,
    roles,
    state: enrolmentState(record, restore, now),
    createdAt,
    createdBy,
    ...(enrolledAt === undefined ? {} : { enrolledAt }),
    ...(endsAt === undefined ? {} : { endsAt }),
    ...(last === undefined ? {} : { certificateUntil: last.notAfter }),
  };
}

/** The time after which a row is of no use but for lists. */
export function enrolmentLastUse({ endsAt, createdAt, revokedAt }: EnrolmentRecord): number {
  return endsAt ?? revokedAt ?? createdAt + lifetimes.enrolmentCode;
}
