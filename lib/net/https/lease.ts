/**
 * A token in use: its lifetime, its remaining requests, and whether one of them was accepted.
 *
 * @module
 */
import type { Secret } from "../../base/secret.ts";

/** A credential for requests: a token, or keys that sign. It prints nothing of its secrets. */
export interface Comparable<Self> {
  /** Whether both are the same credential. */
  equals(other: Self | undefined): boolean;
}

/** The result of a login. */
export interface Grant<Credential = Secret> {
  readonly token: Credential;
  /** Lifetime from now in milliseconds; `undefined` if the token does not expire. */
  readonly ttlMs: number | undefined;
  readonly renewable: boolean;
  /** Number of requests that the token permits, renewals included; `undefined` if it is not limited. */
  readonly uses?: number | undefined;
}

/** The token of one login. */
export class Lease<Credential = Secret> {
  readonly token: Credential;
  readonly renewable: boolean;
  /**
   * The lifetime that the login granted, in milliseconds. A much shorter renewal means that the token is near its
   * maximum.
   */
  readonly fullMs: number | undefined;
  /** Milliseconds on the session's clock; `undefined` if the token does not expire. */
  expiresAt: number | undefined;
  /** Whether a request was accepted with it. A token that is refused before that can be permanently invalid. */
  served = false;
  #usesLeft: number;

  /** @param askedAt time at which the login was sent, in milliseconds on the session's clock. */
  constructor({ token, ttlMs, renewable, uses = Infinity }: Grant<Credential>, askedAt: number) {
    this.token = token;
    this.renewable = renewable;
    this.fullMs = ttlMs;
    this.expiresAt = ttlMs === undefined ? undefined : askedAt + ttlMs;
    this.#usesLeft = uses;
  }

  isExpired(now: number): boolean {
    return this.expiresAt !== undefined && this.expiresAt <= now;
  }

  /** Whether a request may be sent with it. Call {@linkcode spend} before sending. */
  get hasUses(): boolean {
    return this.#usesLeft > 0;
  }

  /** Whether a renewal would leave at least one request. */
  get canRenew(): boolean {
    return this.renewable && this.#usesLeft > 1;
  }

  /** Counts a request; called before it is sent. */
  spend(): void {
    this.#usesLeft--;
  }
}
