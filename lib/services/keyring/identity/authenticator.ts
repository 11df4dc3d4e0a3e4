/**
 * Finds the identity of a request by its credentials. Enrolments, tokens, revocations and the policy are read at each
 * call.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { hex, lengthPrefixed, sha256, utf8 } from "../../../base/bytes.ts";
import type { Clock } from "../../../base/clock.ts";
import type { Identity } from "../policy/identity.ts";
import { type Policies, policyRow } from "../policy/policies.ts";
import type { Policy } from "../policy/policy.ts";
import { rolesFor } from "../policy/takers.ts";
import type { RecordCodec, RecordReader, RecordStore } from "../records/records.ts";
import { enrolmentUri } from "./certificate_authority.ts";
import { enrolmentCodec, idBytes } from "./enrolment_records.ts";
import { activeEnrolment, certificateHash, refusedCertificate } from "./enrolment_state.ts";
import type { FailedAnswers } from "./failed_answers.ts";
import { openedRestoreNumber, restoreRow } from "./restore_number.ts";
import { tokenCodec, tokenIdOf, tokenKey } from "./token_records.ts";
import { activeRole, refusedToken, tokenIdentityName } from "./token_state.ts";

/** The name of the admin socket. No socket of an identity may have it. */
export const adminSocketName = "admin";

/** The credentials of a request. */
export type Credentials =
  /** The name of the socket on which it came; {@linkcode adminSocketName} for the admin socket. */
  | { readonly kind: "socket"; readonly socket: string }
  /** The client certificate of a TLS connection, DER. */
  | { readonly kind: "certificate"; readonly der: Uint8Array }
  | { readonly kind: "bearer"; readonly token: string }
  | { readonly kind: "none" };

/** The parts that {@linkcode Authenticator} is made of. */
export interface AuthenticatorParts {
  readonly store: RecordStore;
  readonly clock: Clock;
  readonly policies: Policies;
  readonly failedAnswers: FailedAnswers;
}

/** An identity, and the policy by which its roles were found. */
export interface Authenticated {
  readonly identity: Identity;
  readonly policy: Policy;
}

/** Largest certificate in bytes of DER; one of this store has about 600. */
const maxCertificate = 4_096;

/** Authenticates requests. */
export class Authenticator {
  readonly #parts: AuthenticatorParts;

  constructor(parts: AuthenticatorParts) {
    this.#parts = parts;
  }

  /**
   * The identity of a request; see {@linkcode Authenticator.identify}. That of the admin socket is found without the store,
   * so that health can be asked while the store cannot be opened.
   */
  async authenticate(credentials: Credentials, signal: AbortSignal): Promise<Identity> {
    if (credentials.kind === "socket" && credentials.socket === adminSocketName) return localAdmin;
    return (await this.identify(credentials, signal)).identity;
  }

  /**
   * The identity of a request with the policy. Call it at each request, and for a stream before each event and every 10
   * seconds. The rows of the identity, the policy and the restore number are read in one consistent state.
   *
   * @throws {KeyringError} `unauthenticated`, for wrong credentials after a delay of up to 2 seconds; `rate_limited`;
   *   `integrity`, `store_unavailable`, `kms_unavailable` if the identity cannot be read.
   */
  async identify(credentials: Credentials, signal: AbortSignal): Promise<Authenticated> {
    const { failedAnswers } = this.#parts;
    switch (credentials.kind) {
      case "socket":
        return await this.#bySocket(credentials.socket, signal);
      case "certificate":
        return await failedAnswers.delayFailure(() => this.#byCertificate(credentials.der, signal), signal);
      case "bearer":
        return await failedAnswers.delayFailure(() => this.#byToken(credentials.token, signal), signal);
      case "none":
        throw new KeyringError(
          "unauthenticated",
          "The request has no identity; send a client certificate, or a token in the header Authorization.",
        );
    }
  }

  async #bySocket(name: string, signal: AbortSignal): Promise<Authenticated> {
    const policy = await this.#parts.policies.current(signal);
    if (name === adminSocketName) return { identity: localAdmin, policy };
    const roles = rolesFor(policy, { kind: "socket", name });
    return { identity: { kind: "socket", name: `socket:${name}`, id: idOf("socket", name), roles }, policy };
  }

  async #byCertificate(der: Uint8Array, signal: AbortSignal): Promise<Authenticated> {
    const { store, clock } = this.#parts;
    const id = enrolmentIdOf(der, store.storeId);
    const key = id === undefined ? undefined : idBytes(id);
    if (id === undefined || key === undefined) throw refusedCertificate("it is not one of this store");
    const { value, policy, restore } = await this.#read(enrolmentCodec, key, store.reader(signal));
    const enrolment = activeEnrolment(value, restore, clock.wall());
    // The enrolment knows the very bytes that were signed for it, so nothing else of the certificate is trusted.
    const sha256 = certificateHash(der);
    const known = enrolment.certificates.find((one) => one.sha256 === sha256);
    if (known === undefined) throw refusedCertificate("its enrolment does not know it");
    if (known.notAfter <= clock.wall()) throw refusedCertificate("it has expired; ask an administrator for a new code");
    const { name } = enrolment;
    const given = enrolment.roles.filter((role) => policy.roles.has(role));
    const roles = [...new Set([...given, ...rolesFor(policy, { kind: "person", name })])].toSorted();
    return { identity: { kind: "person", name: `person:${name}`, id, roles, expiresAt: known.notAfter }, policy };
  }

  async #byToken(token: string, signal: AbortSignal): Promise<Authenticated> {
    const { store, clock } = this.#parts;
    const reader = store.reader(signal);
    const key = await tokenKey(reader, token);
    if (key === undefined) throw refusedToken("it is not one of this store");
    const { value, policy, restore } = await this.#read(tokenCodec, key, reader);
    activeRole(value, policy, restore, clock.wall());
    if (value === undefined) throw refusedToken("it is not one of this store");
    const { login, role, expiresAt } = value;
    const tokenId = tokenIdOf(key);
    const name = tokenIdentityName(value);
    const id = login === undefined ? tokenId : idOf(login.kind, login.source, login.subject);
    return { identity: { kind: login?.kind ?? "token", name, id, roles: [role], expiresAt, tokenId }, policy };
  }

  /** A row with the policy and the restore number, in one consistent state. */
  async #read<Value>(
    codec: RecordCodec<Value>,
    key: Uint8Array,
    reader: RecordReader,
  ): Promise<{ readonly value: Value | undefined; readonly policy: Policy; readonly restore: number }> {
    const [row, policy, restore] = await reader.fetch([{ table: codec.table, key }, policyRow, restoreRow]);
    return {
      value: row === undefined ? undefined : (await reader.open(codec, row))?.value,
      policy: await this.#parts.policies.opened(reader, policy),
      restore: await openedRestoreNumber(reader, restore),
    };
  }
}

/** The identity of the admin socket. */
const localAdmin: Identity = { kind: "local-admin", name: "local-admin", id: idOf("local-admin"), roles: [] };

/** The ID of an identity that has no row of its own: 16 bytes of a hash of its names. */
function idOf(...names: readonly string[]): string {
  return hex(sha256(lengthPrefixed(...names.map(utf8))).subarray(0, 16));
}

/** The enrolment in the one name of a certificate of this store; `undefined` for any other certificate. */
function enrolmentIdOf(der: Uint8Array, storeId: Uint8Array): string | undefined {
  if (der.length > maxCertificate) return undefined;
  try {
    const names = new X509Certificate(der).subjectAltName ?? "";
    const [id] = /[0-9a-f]{32}$/.exec(names) ?? [];
    return id !== undefined && names === `URI:${enrolmentUri(storeId, id)}` ? id : undefined;
  } catch {
    return undefined;
  }
}
