/**
 * The outcomes of reviews of tokens, accepted and refused ones, for some seconds. A token is found by an HMAC under a key of
 * this process, so that neither it nor a hash of it that others can compute is in memory.
 *
 * @module
 */
import { createHmac, randomBytes } from "node:crypto";
import type { KeyringError } from "../../../api/keyring/problems.ts";
import type { Clock } from "../../../base/clock.ts";
import type { VerifiedSubject } from "./login.ts";

/** The subject of a token, or its refusal. */
export type ReviewOutcome = { readonly subject: VerifiedSubject } | { readonly refusal: KeyringError };

/** Maximum number of outcomes of each kind: refused tokens do not drive accepted ones out. */
const maxOutcomes = 1_000;

interface KeptOutcome {
  readonly outcome: ReviewOutcome;
  readonly until: number;
}

/** See the module. */
export class ReviewCache {
  readonly #clock: Pick<Clock, "now">;
  readonly #key = randomBytes(32);
  /** The oldest first. */
  readonly #accepted = new Map<string, KeptOutcome>();
  readonly #refused = new Map<string, KeptOutcome>();

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  get(token: string): ReviewOutcome | undefined {
    const name = this.#nameOf(token);
    const kept = this.#accepted.get(name) ?? this.#refused.get(name);
    return kept !== undefined && kept.until > this.#clock.now() ? kept.outcome : undefined;
  }

  /** @param until a time on the monotonic clock. */
  put(token: string, outcome: ReviewOutcome, until: number): void {
    const name = this.#nameOf(token);
    this.#accepted.delete(name);
    this.#refused.delete(name);
    const kept = "subject" in outcome ? this.#accepted : this.#refused;
    kept.set(name, { outcome, until });
    const [oldest] = kept.keys();
    if (kept.size > maxOutcomes && oldest !== undefined) kept.delete(oldest);
  }

  clear(): void {
    this.#accepted.clear();
    this.#refused.clear();
  }

  #nameOf(token: string): string {
    return createHmac("sha256", this.#key).update(token).digest("hex");
  }
}
