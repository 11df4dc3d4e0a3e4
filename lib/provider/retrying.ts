/**
 * Retries calls that can succeed a moment later.
 *
 * @module
 */
import { type Clock, systemClock } from "../base/clock.ts";
import { backoff } from "../base/deadline.ts";
import { errorCodes, KmsError, toKmsError } from "../base/errors.ts";
import type { CallOptions, CheckedProvider } from "./provider.ts";

/** Time and randomness; tests replace them. */
export interface RetryOptions {
  readonly clock: Clock;
  /** A number from 0 to below 1. */
  readonly random: () => number;
}

/** For a failure without a requested pause, for instance of a connection: total number of tries, and milliseconds. */
const unreachable = { tries: 4, firstPauseMs: 50 } as const;

/** For a busy KMS or one that requests a pause. Times are milliseconds. */
const busy = {
  /** Maximum number of tries; each one uses some of the exhausted quota. Within 3 s the pauses permit about seven. */
  tries: 12,
  /** A pause is random between 0 and a limit, which is this one at first and doubles each time. */
  firstLimit: 100,
  maxLimit: 4_000,
  /** If there was no refusal for this long, the next one counts as the first again. */
  resetAfter: 10_000,
  /** Maximum time for which one refusal delays other calls. */
  maxShared: 1_000,
  /** Time reserved for a response before the deadline: twice the duration of the previous one, within these limits. */
  minAnswer: 250,
  maxAnswer: 1_000,
  /** Assumed duration of a call without a known deadline; an RPC of kube-apiserver has 3 s. */
  assumedDuration: 2_500,
} as const;

/**
 * Retries `wrap` and `unwrap` if the table of error codes marks the failure as retryable, and never after the signal is
 * aborted. Probes are made once: they report the present state. Each try is a call of the provider and is counted as
 * one.
 *
 * - If the KMS is unreachable, there are four tries, with pauses of 50 ms, 100 ms and 200 ms, each multiplied by a
 *   random factor from 0.5 to 1.5.
 * - If the KMS is busy, tries continue until shortly before the call's deadline, with exponential back-off and full
 *   jitter. All calls of the provider share the pause, so that waiting calls do not each send requests.
 * - A pause that the KMS requests (`retryAfterMs`) is kept. If it is longer than the time left, the call ends at once,
 *   and its error contains the pause in seconds.
 *
 * It throws the error of the last try, which is more specific than an exceeded deadline.
 */
export function retrying(provider: CheckedProvider, options: Partial<RetryOptions> = {}): CheckedProvider {
  const tries = new Tries({ clock: systemClock, random: Math.random, ...options });
  return {
    name: provider.name,
    kind: provider.kind,
    canUnwrap: provider.canUnwrap,
    probe: (call) => provider.probe(call),
    wrap: (dek, at, call) => tries.run(() => provider.wrap(dek, at, call), call),
    unwrap: (wrapped, call) => tries.run(() => provider.unwrap(wrapped, call), call),
    [Symbol.asyncDispose]: () => provider[Symbol.asyncDispose](),
  };
}

/** A call and its tries so far. */
interface RetriedCall {
  readonly signal: AbortSignal;
  /** Milliseconds until the call's deadline. */
  readonly left: () => number;
  tries: number;
  sentAt: number;
}

/** The state shared by all calls of one provider. */
class Tries {
  readonly #clock: Clock;
  readonly #random: () => number;
  /** No call is sent before this time, because one was refused recently. Milliseconds of the monotonic clock. */
  #heldUntil = -Infinity;
  /** Number of consecutive refusals; calls that are refused together count once. */
  #level = 0;
  #raisedAt = -Infinity;

  constructor({ clock, random }: RetryOptions) {
    this.#clock = clock;
    this.#random = random;
  }

  async run<T>(attempt: () => Promise<T>, call: CallOptions): Promise<T> {
    const retried = this.#begin(call);
    if (retried.sentAt < this.#heldUntil) await this.#waitWhileHeld(retried);
    for (;;) {
      // The first try of most calls is sent at once; its time is already known.
      if (retried.tries > 0 || this.#heldUntil > -Infinity) retried.sentAt = this.#clock.now();
      retried.tries++;
      try {
        const answer = await attempt();
        this.#answered();
        return answer;
      } catch (thrown) {
        const error = toKmsError(thrown);
        const pause = this.#pauseAfter(error, retried);
        if (pause === undefined || retried.signal.aborted) throw error;
        await this.#clock.sleep(pause, retried.signal);
        if (retried.signal.aborted || !await this.#waitWhileHeld(retried)) throw error;
      }
    }
  }

  #begin(call: CallOptions): RetriedCall {
    const began = this.#clock.now();
    const left = () => call.left?.() ?? busy.assumedDuration - (this.#clock.now() - began);
    return { signal: call.signal, left, tries: 0, sentAt: began };
  }

  #answered(): void {
    this.#level = 0;
    this.#heldUntil = -Infinity;
  }

  /** Waits while calls are held back after a refusal. @returns whether there is time left for a try. */
  async #waitWhileHeld(retried: RetriedCall): Promise<boolean> {
    for (let now = this.#clock.now(); now < this.#heldUntil; now = this.#clock.now()) {
      const available = retried.left() - busy.minAnswer;
      if (available <= 0 || retried.signal.aborted) return false;
      const wait = Math.min(this.#heldUntil - now, available);
      // Spreads the waiting calls, so that they are not all sent at the same moment.
      const spread = this.#random() * Math.min(this.#limit(this.#level), available - wait);
      await this.#clock.sleep(wait + spread, retried.signal);
      if (retried.left() <= busy.minAnswer) return false;
    }
    return true;
  }

  /**
   * Milliseconds to wait before the next try, or `undefined` if there is none.
   *
   * @throws {KmsError} `error` with one more sentence, if the KMS requests a pause that is too long.
   */
  #pauseAfter(error: KmsError, retried: RetriedCall): number | undefined {
    if (errorCodes[error.code].retry !== "yes") return undefined;
    if (error.code !== "throttled" && error.retryAfterMs === undefined) return this.#pauseIfUnreachable(retried.tries);
    const now = this.#clock.now();
    const answer = Math.min(Math.max(2 * (now - retried.sentAt), busy.minAnswer), busy.maxAnswer);
    const available = retried.left() - answer;
    const requested = error.retryAfterMs ?? 0;
    if (requested > 0 && requested > available) throw tooLong(error, requested);
    if (available <= 0 || retried.tries >= busy.tries) return undefined;
    this.#raise(retried.sentAt, now);
    const limit = this.#limit(Math.max(this.#level, retried.tries));
    const pause = Math.min(available, requested + this.#random() * limit);
    this.#heldUntil = Math.max(this.#heldUntil, now + Math.min(pause, busy.maxShared));
    return pause;
  }

  /** Raises the level once for calls that are refused together. */
  #raise(sentAt: number, now: number): void {
    if (now - this.#raisedAt > busy.resetAfter) this.#level = 0;
    else if (sentAt < this.#raisedAt) return;
    this.#level++;
    this.#raisedAt = now;
  }

  #pauseIfUnreachable(tries: number): number | undefined {
    return tries >= unreachable.tries
      ? undefined
      : unreachable.firstPauseMs * 2 ** (tries - 1) * (0.5 + this.#random());
  }

  #limit(level: number): number {
    return backoff(Math.max(0, level - 1), busy.firstLimit, busy.maxLimit);
  }
}

function tooLong(error: KmsError, requested: number): KmsError {
  const seconds = Math.ceil(requested / 1000);
  const message = `${error.message} The next try may come in ${seconds} s, which is longer than this call can wait.`;
  return new KmsError(error.code, message, { cause: error, retryAfterMs: requested });
}
