/**
 * A circuit breaker: calls fail at once while the KMS is known to be down, instead of waiting for another failure.
 *
 * @module
 */
import { systemClock } from "../base/clock.ts";
import { type ErrorCode, errorCodes, KmsError, toKmsError } from "../base/errors.ts";
import type { ProviderVerb } from "../telemetry/events.ts";
import { actionOf } from "./enforced_contract.ts";
import type { CallOptions, CheckedProvider, KeyState, Unwrappable, WrappedDek } from "./provider.ts";

/** When the breaker opens, and for how long. */
export interface BreakerOptions {
  /** Number of consecutive failed calls that opens it; one failed probe opens it alone. */
  readonly failures: number;
  /** Milliseconds until the first trial call; doubled after each failed trial, up to `maxCoolDownMs`. */
  readonly firstCoolDownMs: number;
  /** Maximum pause in milliseconds. */
  readonly maxCoolDownMs: number;
  /** A monotonic clock in milliseconds. */
  readonly now: () => number;
}

const defaults: BreakerOptions = {
  failures: 3,
  firstCoolDownMs: 1000,
  maxCoolDownMs: 10_000,
  now: () => systemClock.now(),
};

/** What an outcome shows about the KMS; `unknown`: nothing. */
type Verdict = "working" | "failing" | "unknown";

/**
 * Fails `wrap` and `unwrap` at once while the KMS is down: with `unreachable`, or with the code of the refused login
 * that opened the breaker.
 *
 * It opens after one failed probe or three consecutive failed calls. These count as failed:
 *
 * - for a probe and a wrap, the codes that always mean a failing provider. A refusal is not one of them: it proves that
 *   the KMS was reached, and hiding it behind `unreachable` would delay a revocation;
 * - for an unwrap, only `unreachable`, `deadline_exceeded` and `unauthenticated`. Any other code could be provoked with
 *   a byte string by anybody who can write to etcd, who could thus disable the provider.
 *
 * After a pause of 1 s, doubling up to 10 s, one call at a time passes as a trial. A probe always passes. Any outcome
 * that proves a response of the KMS closes the breaker: a success, or a refusal of a probe or a wrap.
 */
export function withCircuitBreaker(provider: CheckedProvider, options: Partial<BreakerOptions> = {}): CheckedProvider {
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
    return this.#record("probe", () => this.#inner.probe(call), (reason) => this.#open(reason));
  }

  wrap(dek: Uint8Array, at: KeyState, call: CallOptions): Promise<WrappedDek> {
    return this.#call("wrap", () => this.#inner.wrap(dek, at, call));
  }

  unwrap(wrapped: Unwrappable, call: CallOptions): Promise<Uint8Array> {
    return this.#call("unwrap", () => this.#inner.unwrap(wrapped, call));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
  }

  // Nearly all calls meet a closed breaker: that path adds no promise of its own.
  #call<T>(verb: ProviderVerb, work: () => Promise<T>): Promise<T> {
    if (this.#reason === undefined) return this.#record(verb, work, (reason) => this.#count(reason));
    return this.#tryOnTrial(verb, work, this.#reason);
  }

  async #tryOnTrial<T>(verb: ProviderVerb, work: () => Promise<T>, reason: KmsError): Promise<T> {
    if (this.#onTrial || this.#options.now() < this.#trialAt) throw this.#refusal(verb, reason);
    this.#onTrial = true;
    try {
      return await this.#record(verb, work, (reason) => this.#failTrial(reason));
    } finally {
      this.#onTrial = false;
    }
  }

  async #record<T>(verb: ProviderVerb, work: () => Promise<T>, onFailure: (reason: KmsError) => void): Promise<T> {
    try {
      const answer = await work();
      this.#close();
      return answer;
    } catch (thrown) {
      const error = toKmsError(thrown);
      const verdict = verdictOf(verb, error.code);
      if (verdict === "working") this.#close();
      if (verdict === "failing") onFailure(error);
      throw error;
    }
  }

  #count(reason: KmsError): void {
    // The breaker is open: a call that began before it opened adds no information.
    if (this.#reason !== undefined) return;
    this.#failures++;
    if (this.#failures >= this.#options.failures) this.#open(reason);
  }

  /** If a probe has closed the breaker in the meantime, that success outweighs the failed trial. */
  #failTrial(reason: KmsError): void {
    if (this.#reason === undefined) this.#count(reason);
    else this.#open(reason);
  }

  #open(reason: KmsError): void {
    const { firstCoolDownMs, maxCoolDownMs, now } = this.#options;
    this.#coolDownMs = this.#reason === undefined ? firstCoolDownMs : Math.min(this.#coolDownMs * 2, maxCoolDownMs);
    this.#reason = reason;
    this.#trialAt = now() + this.#coolDownMs;
  }

  #close(): void {
    this.#failures = 0;
    this.#reason = undefined;
  }

  #refusal(verb: ProviderVerb, reason: KmsError): KmsError {
    const why = `it is not asked so soon after this failure: ${causeOf(reason)}`;
    // A refused login keeps its code: reported as an outage, it would make the provider's health alternate.
    const code = errorCodes[reason.code].refusal ? reason.code : "unreachable";
    return new KmsError(code, `Cannot ${actionOf(verb, this.name)}: ${why}.`, { cause: reason });
  }
}

/** The cause in a message of the form "Cannot do this: cause." */
function causeOf({ message }: KmsError): string {
  return message.replace(/^Cannot [^:]*: /, "").replace(/\.$/, "");
}

const unwrapFailures: ReadonlySet<ErrorCode> = new Set(["unreachable", "deadline_exceeded", "unauthenticated"]);

function verdictOf(verb: ProviderVerb, code: ErrorCode): Verdict {
  if (verb === "unwrap") return unwrapFailures.has(code) ? "failing" : "unknown";
  const { sick, refusal } = errorCodes[code];
  if (sick === "yes") return "failing";
  return refusal || code === "throttled" ? "working" : "unknown";
}
