/**
 * Bearer tokens: of logins, and those that administrators make.
 *
 * @module
 */
import { personNamePattern } from "../../../api/keyring/policy.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { Clock } from "../../../base/clock.ts";
import type { Identity } from "../policy/identity.ts";
import type { Policies } from "../policy/policies.ts";
import { requireAdmin } from "../policy/require_admin.ts";
import { rightsBeyond } from "../policy/rights.ts";
import { mayTake } from "../policy/takers.ts";
import type { OpenedRecord, RecordStore, RecordTransaction } from "../records/records.ts";
import { requireClock } from "./clock_check.ts";
import { idBytes } from "./enrolment_records.ts";
import type { FailedAnswers } from "./failed_answers.ts";
import { lifetimes } from "./lifetimes.ts";
import { restoreNumber } from "./restore_number.ts";
import type { LoginMethodName, VerifiedSubject } from "./login.ts";
import { newToken, tokenCodec, tokenIdOf, tokenKey, type TokenRecord } from "./token_records.ts";
import { activeRole, loginSubjectOf, type TokenInfo, tokenInfo } from "./token_state.ts";

/** Maximum number of rows that a list has. */
const maxListed = 10_000;

/** The request of a login. */
export interface LoginRequest {
  readonly method: LoginMethodName;
  /** The configured name of the cluster or issuer; it may be left out if there is one of this method. */
  readonly issuer?: string;
  readonly role: string;
  readonly jwt: string;
}

/** The parts that {@linkcode Tokens} is made of. */
export interface TokenParts {
  readonly store: RecordStore;
  readonly clock: Clock;
  readonly policies: Policies;
  readonly failedAnswers: FailedAnswers;
  /** Verifies a JWT of a configured cluster or issuer; `LoginVerifier.verify`. */
  readonly verify: (
    request: Pick<LoginRequest, "method" | "issuer" | "jwt">,
    signal: AbortSignal,
  ) => Promise<VerifiedSubject>;
}

/** The tokens of one store. */
export class Tokens {
  readonly #parts: TokenParts;

  constructor(parts: TokenParts) {
    this.#parts = parts;
  }

  /**
   * Makes a token that holds a role.
   *
   * @param ttlMs from a minute to 90 days.
   * @param name for the audit, as `personNamePattern`.
   * @throws {KeyringError} `forbidden` if `by` is no administrator or lacks a right of the role, `request_invalid`,
   *   `clock_behind`.
   */
  create(
    { role, ttlMs, name }: { readonly role: string; readonly ttlMs: number; readonly name: string },
    by: Identity,
    signal: AbortSignal,
  ): Promise<{ readonly token: string; readonly id: string; readonly expiresAt: number }> {
    if (!personNamePattern.test(name)) {
      throw new KeyringError(
        "request_invalid",
        "The name of a token is 1 to 64 letters, digits, ., _, @ and -, with a letter or a digit first.",
      );
    }
    if (!Number.isInteger(ttlMs) || ttlMs < lifetimes.minMadeToken || ttlMs > lifetimes.madeToken) {
      throw new KeyringError("request_invalid", "The lifetime of a token is from 1m to 90d.");
    }
    const { store, policies } = this.#parts;
    return store.transaction(async (tx) => {
      const policy = await policies.read(tx);
      requireAdmin(policy, by, "create a token");
      const rules = policy.roles.get(role)?.rules;
      if (rules === undefined) throw new KeyringError("request_invalid", "The policy has no role of this name.");
      const [first] = rightsBeyond(policy, by, rules);
      if (first !== undefined) {
        throw new KeyringError(
          "forbidden",
          `Cannot create a token: it would get ${first}, a right that ${by.name} lacks.`,
        );
      }
      const now = this.#now();
      const expiresAt = now + ttlMs;
      const made = await this.#put(tx, {
        role,
        name,
        createdBy: by.name,
        createdAt: now,
        expiresAt,
        renewableUntil: expiresAt,
      });
      return { ...made, expiresAt };
    }, signal);
  }

  /**
   * Verifies a JWT and makes a token that holds the identity and one role. The rights are looked up at each request.
   *
   * @returns times in milliseconds since the epoch.
   * @throws {KeyringError} `unauthenticated` for a JWT that does not verify, delayed; `forbidden` if the identity may not
   *   take the role; `request_invalid`, `clock_behind`, `rate_limited`, `issuer_unavailable`.
   */
  login(
    request: LoginRequest,
    signal: AbortSignal,
  ): Promise<
    { readonly token: string; readonly id: string; readonly expiresAt: number; readonly renewableUntil: number }
  > {
    const { store, policies, failedAnswers, verify } = this.#parts;
    return failedAnswers.delayFailure(async () => {
      requireClock(store, this.#parts.clock);
      const verified = await verify(request, signal);
      return await store.transaction(async (tx) => {
        const role = (await policies.read(tx)).roles.get(request.role);
        if (role === undefined || !mayTake(role, verified.taker)) {
          throw new KeyringError(
            "forbidden",
            `Cannot log in: ${verified.name} may not take the role that was asked for.`,
          );
        }
        const now = this.#now();
        const renewableUntil = now + lifetimes.login;
        const expiresAt = Math.min(now + role.tokenTtlMs, renewableUntil);
        const login = loginSubjectOf(verified, role);
        const row = { role: request.role, login, createdBy: verified.name, createdAt: now, expiresAt, renewableUntil };
        return { ...await this.#put(tx, row), expiresAt, renewableUntil };
      }, signal);
    }, signal);
  }

  /**
   * Renews the token of a login for the lifetime that its role says, to at most 24 hours after the login.
   *
   * @param identity with the token of the request.
   * @returns the new end in milliseconds since the epoch.
   * @throws {KeyringError} `forbidden` for an identity without a login's token, `unauthenticated`, `clock_behind`.
   */
  renew(
    identity: Identity,
    signal: AbortSignal,
  ): Promise<{ readonly expiresAt: number; readonly renewableUntil: number }> {
    return this.#parts.store.transaction(async (tx) => {
      const found = await this.#byId(tx, identity.tokenId ?? "");
      if (found?.value.login === undefined) {
        throw new KeyringError("forbidden", `Cannot renew: ${identity.name} has no token of a login.`);
      }
      const [policy, restore] = [await this.#parts.policies.read(tx), await restoreNumber(tx)];
      const role = activeRole(found.value, policy, restore, this.#parts.clock.wall());
      const { renewableUntil } = found.value;
      const expiresAt = Math.max(found.value.expiresAt, Math.min(this.#now() + role.tokenTtlMs, renewableUntil));
      tx.put(tokenCodec, found.key, { ...found.value, expiresAt });
      return { expiresAt, renewableUntil };
    }, signal);
  }

  /**
   * Refuses a token from now on.
   *
   * @param id 32 hex digits.
   * @throws {KeyringError} `forbidden` if `by` is neither an administrator nor uses this token itself; `not_found`.
   */
  revoke(id: string, by: Identity, signal: AbortSignal): Promise<void> {
    const { store, policies } = this.#parts;
    return store.transaction(async (tx) => {
      if (by.tokenId !== id) requireAdmin(await policies.read(tx), by, "revoke a token");
      const found = await this.#byId(tx, id);
      if (found === undefined) throw new KeyringError("not_found", "No token has this ID.");
      if (found.value.revokedAt !== undefined) return;
      const revokedAt = Math.round(this.#parts.clock.wall());
      tx.put(tokenCodec, found.key, { ...found.value, revokedAt, revokedBy: by.name });
    }, signal);
  }

  /** All tokens, at most 10,000. @throws {KeyringError} `forbidden` if `by` is no administrator. */
  async list(by: Identity, signal: AbortSignal): Promise<readonly TokenInfo[]> {
    const reader = this.#parts.store.reader(signal);
    requireAdmin(await this.#parts.policies.read(reader), by, "list tokens");
    const restore = await restoreNumber(reader);
    const found = await reader.scan(tokenCodec, { limit: maxListed });
    return found.map(({ key, value }) => tokenInfo(tokenIdOf(key), value, restore, this.#parts.clock.wall()));
  }

  async #put(
    tx: RecordTransaction,
    row: Omit<TokenRecord, "restore">,
  ): Promise<{ readonly token: string; readonly id: string }> {
    const token = newToken();
    const key = await tokenKey(this.#parts.store, token);
    if (key === undefined) throw new Error("a new token has the form of a token");
    tx.put(tokenCodec, key, { ...row, restore: await restoreNumber(tx) });
    return { token, id: tokenIdOf(key) };
  }

  /** The row by the ID, which is the beginning of the row's key. */
  async #byId(tx: RecordTransaction, id: string): Promise<OpenedRecord<TokenRecord> | undefined> {
    const prefix = idBytes(id);
    if (prefix === undefined) return undefined;
    const [found] = await tx.scan(tokenCodec, { prefix, limit: 1 });
    // Only a row that was read by its key is compared at the commit.
    return found === undefined ? undefined : await tx.get(tokenCodec, found.key);
  }

  /** The time of a login, in whole milliseconds since the epoch. */
  #now(): number {
    const { store, clock } = this.#parts;
    requireClock(store, clock);
    return Math.round(clock.wall());
  }
}
