/**
 * Enrolments of people: codes, certificates, renewal and revocation.
 *
 * @module
 */
import { enrolmentSecret, newEnrolmentCode } from "../../../api/keyring/enrolment_code.ts";
import { personNamePattern } from "../../../api/keyring/policy.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { hex } from "../../../base/bytes.ts";
import type { Clock } from "../../../base/clock.ts";
import type { Identity } from "../policy/identity.ts";
import type { Policies } from "../policy/policies.ts";
import type { Policy } from "../policy/policy.ts";
import { requireAdmin } from "../policy/require_admin.ts";
import { rightsBeyond } from "../policy/rights.ts";
import { rolesFor } from "../policy/takers.ts";
import type { RecordStore } from "../records/records.ts";
import type { CertificateAuthority, SignedCertificate } from "./certificate_authority.ts";
import { clientPublicKey } from "./certificates.ts";
import { requireClock } from "./clock_check.ts";
import { codeCodec, enrolmentCodec, idBytes, newId } from "./enrolment_records.ts";
import { activeEnrolment, type EnrolmentInfo, enrolmentInfo, withCertificate } from "./enrolment_state.ts";
import type { FailedAnswers } from "./failed_answers.ts";
import { lifetimes } from "./lifetimes.ts";
import { restoreNumber } from "./restore_number.ts";

/** Maximum number of rows that a list has. */
const maxListed = 10_000;

/** The parts that {@linkcode Enrolments} is made of. */
export interface EnrolmentParts {
  readonly store: RecordStore;
  readonly clock: Clock;
  readonly policies: Policies;
  readonly authority: CertificateAuthority;
  readonly failedAnswers: FailedAnswers;
}

/** The enrolments of one store. */
export class Enrolments {
  readonly #parts: EnrolmentParts;

  constructor(parts: EnrolmentParts) {
    this.#parts = parts;
  }

  /**
   * Makes an enrolment and the code for it, which lasts ten minutes.
   *
   * @throws {KeyringError} `forbidden` if `by` is no administrator, or lacks a right that the person would get;
   *   `request_invalid` for a wrong name or a role that the policy lacks; `clock_behind`.
   */
  create(
    { name, roles }: { readonly name: string; readonly roles: readonly string[] },
    by: Identity,
    signal: AbortSignal,
  ): Promise<{ readonly code: string; readonly expiresAt: number; readonly id: string }> {
    const { store, policies } = this.#parts;
    const id = newId();
    const code = newEnrolmentCode();
    return store.transaction(async (tx) => {
      const policy = await policies.read(tx);
      requireAdmin(policy, by, `enrol ${shownName(name)}`);
      requireGrantable(policy, by, name, roles);
      const restore = await restoreNumber(tx);
      const now = this.#now();
      const expiresAt = now + lifetimes.enrolmentCode;
      const record = {
        name,
        roles: [...new Set(roles)],
        createdAt: now,
        createdBy: by.name,
        restore,
        certificates: [],
      };
      tx.put(enrolmentCodec, bytesOf(id), record);
      tx.put(codeCodec, await this.#codeKey(code), { enrolmentId: id, expiresAt, restore });
      return { code, expiresAt, id };
    }, signal);
  }

  /**
   * Uses up a code for a certificate. Both are one transaction.
   *
   * @param publicKey SubjectPublicKeyInfo, DER: P-256 or Ed25519. Nothing else is taken from the request.
   * @throws {KeyringError} `unauthenticated` for a code that is wrong, used up, expired or revoked, delayed;
   *   `request_invalid` for another kind of key; `clock_behind`; `rate_limited`.
   */
  redeem(
    { code, publicKey }: { readonly code: string; readonly publicKey: Uint8Array },
    signal: AbortSignal,
  ): Promise<SignedCertificate & { readonly id: string }> {
    const key = acceptedKey(publicKey);
    return this.#parts.failedAnswers.delayFailure(async () => {
      if (enrolmentSecret(code) === undefined) throw wrongCode();
      const codeKey = await this.#codeKey(code);
      return await this.#parts.store.transaction(async (tx) => {
        const found = await tx.get(codeCodec, codeKey);
        const now = this.#now();
        if (found === undefined || found.value.expiresAt <= now) throw wrongCode();
        const { enrolmentId, restore } = found.value;
        const enrolment = await tx.get(enrolmentCodec, bytesOf(enrolmentId));
        const isOpen = enrolment !== undefined && enrolment.value.revokedAt === undefined &&
          enrolment.value.enrolledAt === undefined && restore === await restoreNumber(tx);
        if (!isOpen) throw wrongCode();
        const endsAt = now + lifetimes.enrolment;
        const issued = await this.#issue(enrolmentId, enrolment.value.name, key, endsAt, signal);
        tx.delete(codeCodec, codeKey);
        tx.put(
          enrolmentCodec,
          enrolment.key,
          withCertificate({ ...enrolment.value, enrolledAt: now, endsAt }, issued, now),
        );
        return { ...issued, id: enrolmentId };
      }, signal);
    }, signal);
  }

  /**
   * A further certificate for the person of a certificate. The old one stays valid until it expires: the answer
   * to a renewal can be lost.
   *
   * @param identity of kind `person`.
   * @throws {KeyringError} `forbidden` for any other identity, `unauthenticated` if the enrolment has ended,
   *   `request_invalid`, `clock_behind`.
   */
  async renew(identity: Identity, publicKey: Uint8Array, signal: AbortSignal): Promise<SignedCertificate> {
    if (identity.kind !== "person") {
      throw new KeyringError("forbidden", `Cannot renew: ${identity.name} has no client certificate.`);
    }
    const key = acceptedKey(publicKey);
    return await this.#parts.store.transaction(async (tx) => {
      const now = this.#now();
      const found = await tx.get(enrolmentCodec, bytesOf(identity.id));
      const { name, endsAt } = activeEnrolment(found?.value, await restoreNumber(tx), now);
      if (found === undefined) throw new Error("it is active");
      const issued = await this.#issue(identity.id, name, key, endsAt, signal);
      tx.put(enrolmentCodec, found.key, withCertificate(found.value, issued, now));
      return issued;
    }, signal);
  }

  /** All enrolments, at most 10,000. @throws {KeyringError} `forbidden` if `by` is no administrator. */
  async list(by: Identity, signal: AbortSignal): Promise<readonly EnrolmentInfo[]> {
    const reader = this.#parts.store.reader(signal);
    requireAdmin(await this.#parts.policies.read(reader), by, "list identities");
    const restore = await restoreNumber(reader);
    const found = await reader.scan(enrolmentCodec, { limit: maxListed });
    return found.map(({ key, value }) => enrolmentInfo(hex(key), value, restore, this.#parts.clock.wall()));
  }

  /**
   * Refuses all certificates of an enrolment from now on, and its code.
   *
   * @throws {KeyringError} `forbidden` if `by` is neither an administrator nor the person itself; `not_found`.
   */
  revoke(id: string, by: Identity, signal: AbortSignal): Promise<void> {
    const { store, policies } = this.#parts;
    return store.transaction(async (tx) => {
      if (by.id !== id) requireAdmin(await policies.read(tx), by, "revoke an identity");
      const key = idBytes(id);
      const found = key === undefined ? undefined : await tx.get(enrolmentCodec, key);
      if (found === undefined) throw new KeyringError("not_found", "No enrolment has this ID.");
      if (found.value.revokedAt !== undefined) return;
      tx.put(enrolmentCodec, found.key, { ...found.value, revokedAt: this.#now(), revokedBy: by.name });
    }, signal);
  }

  #issue(
    enrolmentId: string,
    commonName: string,
    publicKey: Uint8Array,
    endsAt: number,
    signal: AbortSignal,
  ): Promise<SignedCertificate> {
    return this.#parts.authority.clientCertificate({ commonName, enrolmentId, publicKey }, endsAt, signal);
  }

  #codeKey(code: string): Promise<Uint8Array> {
    return this.#parts.store.lookupKey("code", enrolmentSecret(code) ?? new Uint8Array());
  }

  /** The time of a login, in whole milliseconds since the epoch. */
  #now(): number {
    const { store, clock } = this.#parts;
    requireClock(store, clock);
    return Math.round(clock.wall());
  }
}

function requireGrantable(policy: Policy, by: Identity, name: string, roles: readonly string[]): void {
  if (!personNamePattern.test(name)) {
    throw new KeyringError(
      "request_invalid",
      "The name of a person is 1 to 64 letters, digits, ., _, @ and -, with a letter or a digit first.",
    );
  }
  const unknown = roles.findIndex((role) => !policy.roles.has(role));
  if (unknown >= 0) {
    throw new KeyringError("request_invalid", `The policy has no role of the name in roles[${unknown}].`);
  }
  // An enrolment for a name of the policy gives all roles of that name.
  const all = [...roles, ...rolesFor(policy, { kind: "person", name })];
  const [first] = rightsBeyond(policy, by, all.flatMap((role) => policy.roles.get(role)?.rules ?? []));
  if (first === undefined) return;
  throw new KeyringError("forbidden", `Cannot enrol ${name}: it would get ${first}, a right that ${by.name} lacks.`);
}

function acceptedKey(publicKey: Uint8Array): Uint8Array {
  const key = clientPublicKey(publicKey);
  if (key !== undefined) return key;
  throw new KeyringError(
    "request_invalid",
    "The public key is none that a certificate is made for: send SubjectPublicKeyInfo of P-256 or Ed25519.",
  );
}

function wrongCode(): KeyringError {
  return new KeyringError(
    "unauthenticated",
    "The enrolment code is wrong, used up or expired; ask an administrator for a new one.",
  );
}

function bytesOf(id: string): Uint8Array {
  const bytes = idBytes(id);
  if (bytes === undefined) throw new KeyringError("integrity", "A stored enrolment has an ID of the wrong form.");
  return bytes;
}

function shownName(name: string): string {
  return personNamePattern.test(name) ? name : "a person";
}
