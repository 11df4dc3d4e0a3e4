/**
 * Leaves a KMS alone that has just failed, so that callers need not wait to learn it again.
 *
 * @module
 */
import { systemClock } from "../base/clock.ts";
import { type ErrorCode, errorCodes, KmsError, toKmsError } from "../base/errors.ts";
import type { ProviderVerb } from "../telemetry/events.ts";
import { actionOf } from "./enforced_contract.ts";
import type { CallOptions, CheckedProvider, KeyState, Unwrappable, WrappedDek } from "./provider.ts";

/** When the breaker opens and for how long. Times are milliseconds. */
export interface BreakerOptions {
  /** So many failed calls in a row open it; one failed probe does so alone. */
  readonly failures: number;
  /** The pause after it opened; twice as long after each failed trial. */
  readonly firstCoolDownMs: number;
  readonly maxCoolDownMs: number;
  /** A clock that never runs backwards. */
  readonly now: () => number;
}

const defaults: BreakerOptions = {
  failures: 3,
  firstCoolDownMs: 1000,
  maxCoolDownMs: 10_000,
  now: () => systemClock.now(),
};

/** What an outcome says about the KMS itself: `silent` is what says nothing either way. */
type Verdict = "well" | "sick" | "silent";

/**
 * Fails `wrap` and `unwrap` at once while the KMS is down: with `unreachable`, or with the code of the refused login that
 * opened it.
 *
 * It opens after one failed probe or three failed calls in a row. What counts as failed:
 *
 * - for a probe and a wrap, the codes that always mean a sick provider. A refusal is not one of them: a KMS that says
 *   no was reached, and hiding its answer behind `unreachable` would delay a revocation;
 * - for an unwrap, `unreachable`, `deadline_exceeded` and `unauthenticated` alone. Nothing else, since anybody who can
 *   write to etcd could provoke it with a byte string and so take the provider away.
 *
 * After a pause of 1 s, growing to 10 s, one call at a time is let through on trial. A probe always passes. Whatever
 * shows that the KMS answers closes the breaker: a success, or a refusal of a probe or a wrap.
 */
export function breaking(provider: CheckedProvider, options: Partial<BreakerOptions> = {}): CheckedProvider {
  return new CircuitBreaker(provider, { ...defaults, ...options });
}

class CircuitBreaker implements CheckedProvider {
  readonly name: string;
  readonly kind: string;
  readonly canUnwrap: boolean;
  readonly #inner: CheckedProvider;
  readonly #options: BreakerOptions;
  #failures = 0;
  /** The failure that opened it; `undefined` while it is closed. */
  #reason: KmsError | undefined;
  #coolDownMs = 0;
  #trialAt = 0;
  #onTrial = false;

  constructor(provider: CheckedProvider, options: BreakerOptions) {
    this.name = provider.name;
    this.kind = provider.kind;
    this.canUnwrap = provider.canUnwrap;
    this.#inner = provider;
    this.#options = options;
  }

  probe(call: CallOptions): Promise<KeyState> {
    return this.#judged("probe", () => this.#inner.probe(call), (reason) => this.#opens(reason));
  }

  wrap(dek: Uint8Array, at: KeyState, call: CallOptions): Promise<WrappedDek> {
    return this.#guarded("wrap", () => this.#inner.wrap(dek, at, call));
  }

  unwrap(wrapped: Unwrappable, call: CallOptions): Promise<Uint8Array> {
    return this.#guarded("unwrap", () => this.#inner.unwrap(wrapped, call));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
  }

  // A closed breaker, which is nearly all calls, adds no promise of its own.
  #guarded<T>(verb: ProviderVerb, work: () => Promise<T>): Promise<T> {
    if (this.#reason === undefined) return this.#judged(verb, work, (reason) => this.#counts(reason));
    return this.#tried(verb, work, this.#reason);
  }

  async #tried<T>(verb: ProviderVerb, work: () => Promise<T>, reason: KmsError): Promise<T> {
    if (this.#onTrial || this.#options.now() < this.#trialAt) throw this.#refusal(verb, reason);
    this.#onTrial = true;
    try {
      return await this.#judged(verb, work, (reason) => this.#failsTrial(reason));
    } finally {
      this.#onTrial = false;
    }
  }

  async #judged<T>(verb: ProviderVerb, work: () => Promise<T>, onSick: (reason: KmsError) => void): Promise<T> {
    try {
      const answer = await work();
      this.#closes();
      return answer;
    } catch (thrown) {
      const error = toKmsError(thrown);
      const verdict = verdictOf(verb, error.code);
      if (verdict === "well") this.#closes();
      if (verdict === "sick") onSick(error);
      throw error;
    }
  }

  #counts(reason: KmsError): void {
    // A call that began before the breaker opened says nothing new.
    if (this.#reason !== undefined) return;
    this.#failures++;
    if (this.#failures >= this.#options.failures) this.#opens(reason);
  }

  /** A probe that was answered meanwhile has closed the breaker, and weighs more than the trial. */
  #failsTrial(reason: KmsError): void {
    if (this.#reason === undefined) this.#counts(reason);
    else this.#opens(reason);
  }

  #opens(reason: KmsError): void {
    const { firstCoolDownMs, maxCoolDownMs, now } = this.#options;
    this.#coolDownMs = this.#reason === undefined ? firstCoolDownMs : Math.min(this.#coolDownMs * 2, maxCoolDownMs);
    this.#reason = reason;
    this.#trialAt = now() + this.#coolDownMs;
  }

  #closes(): void {
    this.#failures = 0;
    this.#reason = undefined;
  }

  #refusal(verb: ProviderVerb, reason: KmsError): KmsError {
    const why = `it is not asked so soon after this failure: ${causeOf(reason)}`;
    // A refused login stays a refusal: as an outage it would change the provider's health to and fro.
    const code = errorCodes[reason.code].refusal ? reason.code : "unreachable";
    return new KmsError(code, `Cannot ${actionOf(verb, this.name)}: ${why}.`, { cause: reason });
  }
}

/** The end of a sentence of the form "Cannot do this: cause." */
function causeOf({ message }: KmsError): string {
  return message.replace(/^Cannot [^:]*: /, "").replace(/\.$/, "");
}

const unwrapSick: ReadonlySet<ErrorCode> = new Set(["unreachable", "deadline_exceeded", "unauthenticated"]);

function verdictOf(verb: ProviderVerb, code: ErrorCode): Verdict {
  if (verb === "unwrap") return unwrapSick.has(code) ? "sick" : "silent";
  const { sick, refusal } = errorCodes[code];
  if (sick === "yes") return "sick";
  return refusal || code === "throttled" ? "well" : "silent";
}
