/**
 * A token in use: how long it lives, how many requests it has left, and whether one of them was served.
 *
 * @module
 */
import type { Secret } from "../../base/secret.ts";

/** What requests are sent with: a token, or keys that sign. It prints nothing of its secrets. */
export interface Comparable<Self> {
  /** Whether both are the same credential. */
  equals(other: Self | undefined): boolean;
}

/** The result of a login. */
export interface Grant<Credential = Secret> {
  readonly token: Credential;
  /** How long the token lives from now, in milliseconds; `undefined` where it never expires. */
  readonly ttlMs: number | undefined;
  readonly renewable: boolean;
  /** How many requests the token is good for, renewals included; left out where they are not counted. */
  readonly uses?: number | undefined;
}

/** One login's token. */
export class Lease<Credential = Secret> {
  readonly token: Credential;
  readonly renewable: boolean;
  /** The lifetime that the login granted, in milliseconds. A much shorter renewal is near the token's maximum. */
  readonly fullMs: number | undefined;
  /** Milliseconds on the session's clock; `undefined` where the token never expires. */
  expiresAt: number | undefined;
  /** Whether a request was served with it. A token that is refused before that may be refused for good. */
  served = false;
  #usesLeft: number;

  /** @param askedAt when the login was sent, in milliseconds on the session's clock. */
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

  /** Whether a request may be sent with it: {@linkcode spend} comes first. */
  get hasUses(): boolean {
    return this.#usesLeft > 0;
  }

  /** Whether a renewal leaves a use for a request. */
  get canRenew(): boolean {
    return this.renewable && this.#usesLeft > 1;
  }

  /** Counts a request that is about to be sent. */
  spend(): void {
    this.#usesLeft--;
  }
}
