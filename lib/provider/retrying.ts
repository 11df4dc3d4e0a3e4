/**
 * Makes a call again that may succeed a moment later.
 *
 * @module
 */
import { type Clock, systemClock } from "../base/clock.ts";
import { backoff } from "../base/deadline.ts";
import { errorCodes, KmsError, toKmsError } from "../base/errors.ts";
import type { CallOptions, CheckedProvider } from "./provider.ts";

/** Replaced by tests. */
export interface RetryOptions {
  readonly clock: Clock;
  /** 0 to below 1. */
  readonly random: () => number;
}

/** For a failure without a requested pause, as of a connection: calls in all, and milliseconds. */
const away = { tries: 4, firstPauseMs: 50 } as const;

/** For a KMS that is busy, or that requests a pause. Times are milliseconds. */
const busy = {
  /** Calls in all: each costs a part of the quota that is used up. In 3 s the pauses leave room for seven or so. */
  tries: 12,
  /** Each pause is drawn evenly from 0 to a limit: this one at first, then twice as long each time. */
  firstLimit: 100,
  maxLimit: 4_000,
  /** After so long without a refusal the next one is the first again. */
  forgotten: 10_000,
  /** How long other calls are held back for one that was refused. */
  maxShared: 1_000,
  /** The time left for an answer before the deadline: twice as long as the last one took, within these limits. */
  minAnswer: 250,
  maxAnswer: 1_000,
  /** Assumed for a call whose deadline is not known: an RPC of kube-apiserver's has 3 s. */
  assumed: 2_500,
} as const;

/**
 * Retries `wrap` and `unwrap` if the table of codes has the failure as retryable, and never past the signal. Probes are
 * made once: they report the present state. Each try is a call of the provider's, and counted as one.
 *
 * - A KMS that cannot be reached is asked four times, with pauses of 50 ms, 100 ms and 200 ms, each spread over half to
 *   once and a half.
 * - A KMS that is busy is asked until shortly before the call's deadline, with exponential back-off and full jitter. All
 *   calls of the provider share the pause: many that wait do not each go on asking.
 * - A pause that the KMS asks for (`retryAfterMs`) is kept. If it is longer than the time left, the call ends at once,
 *   and its error has the seconds of the pause.
 *
 * The error of the last try is thrown: it is more specific than that time ran out.
 */
export function retrying(provider: CheckedProvider, options: Partial<RetryOptions> = {}): CheckedProvider {
  const tries = new Tries({ clock: systemClock, random: Math.random, ...options });
  return {
    name: provider.name,
    kind: provider.kind,
    canUnwrap: provider.canUnwrap,
    probe: (call) => provider.probe(call),
    wrap: (dek, at, call) => tries.persist(() => provider.wrap(dek, at, call), call),
    unwrap: (wrapped, call) => tries.persist(() => provider.unwrap(wrapped, call), call),
    [Symbol.asyncDispose]: () => provider[Symbol.asyncDispose](),
  };
}

/** One call and its tries so far. */
interface Trying {
  readonly signal: AbortSignal;
  /** Milliseconds until the call's deadline. */
  readonly left: () => number;
  tries: number;
  sentAt: number;
}

/** The state that all calls of one provider share. */
class Tries {
  readonly #clock: Clock;
  readonly #random: () => number;
  /** Until then no call is sent, since one was refused just now. */
  #quietUntil = -Infinity;
  /** How often in a row it was busy; calls that are refused together count once. */
  #level = 0;
  #raisedAt = -Infinity;

  constructor({ clock, random }: RetryOptions) {
    this.#clock = clock;
    this.#random = random;
  }

  async persist<T>(attempt: () => Promise<T>, call: CallOptions): Promise<T> {
    const one = this.#begin(call);
    if (one.sentAt < this.#quietUntil) await this.#quiet(one);
    for (;;) {
      // The first try of most calls is sent at once, at the time that was read already.
      if (one.tries > 0 || this.#quietUntil > -Infinity) one.sentAt = this.#clock.now();
      one.tries++;
      try {
        const answer = await attempt();
        this.#answered();
        return answer;
      } catch (thrown) {
        const error = toKmsError(thrown);
        const pause = this.#pauseAfter(error, one);
        if (pause === undefined || one.signal.aborted) throw error;
        await this.#clock.sleep(pause, one.signal);
        if (one.signal.aborted || !await this.#quiet(one)) throw error;
      }
    }
  }

  #begin(call: CallOptions): Trying {
    const began = this.#clock.now();
    const left = () => call.left?.() ?? busy.assumed - (this.#clock.now() - began);
    return { signal: call.signal, left, tries: 0, sentAt: began };
  }

  #answered(): void {
    this.#level = 0;
    this.#quietUntil = -Infinity;
  }

  /** Waits while others were refused just now. @returns whether there is time left for a try. */
  async #quiet(one: Trying): Promise<boolean> {
    for (let now = this.#clock.now(); now < this.#quietUntil; now = this.#clock.now()) {
      const room = one.left() - busy.minAnswer;
      if (room <= 0 || one.signal.aborted) return false;
      const wait = Math.min(this.#quietUntil - now, room);
      // The calls that wait do not all go on at once, not even at the end of their time.
      const spread = this.#random() * Math.min(this.#limit(this.#level), room - wait);
      await this.#clock.sleep(wait + spread, one.signal);
      if (one.left() <= busy.minAnswer) return false;
    }
    return true;
  }

  /**
   * How long to wait before the next try, or `undefined` if there is to be none.
   *
   * @throws {KmsError} the same error with one more sentence, where the KMS asks for too long a pause.
   */
  #pauseAfter(error: KmsError, one: Trying): number | undefined {
    if (errorCodes[error.code].retry !== "yes") return undefined;
    if (error.code !== "throttled" && error.retryAfterMs === undefined) return this.#whileAway(one.tries);
    const now = this.#clock.now();
    const answer = Math.min(Math.max(2 * (now - one.sentAt), busy.minAnswer), busy.maxAnswer);
    const room = one.left() - answer;
    const asked = error.retryAfterMs ?? 0;
    if (asked > 0 && asked > room) throw tooLong(error, asked);
    if (room <= 0 || one.tries >= busy.tries) return undefined;
    this.#raise(one.sentAt, now);
    const limit = this.#limit(Math.max(this.#level, one.tries));
    const pause = Math.min(room, asked + this.#random() * limit);
    this.#quietUntil = Math.max(this.#quietUntil, now + Math.min(pause, busy.maxShared));
    return pause;
  }

  /** Raises the level once for calls that are refused together. */
  #raise(sentAt: number, now: number): void {
    if (now - this.#raisedAt > busy.forgotten) this.#level = 0;
    else if (sentAt < this.#raisedAt) return;
    this.#level++;
    this.#raisedAt = now;
  }

  #whileAway(tries: number): number | undefined {
    return tries >= away.tries ? undefined : away.firstPauseMs * 2 ** (tries - 1) * (0.5 + this.#random());
  }

  #limit(level: number): number {
    return backoff(Math.max(0, level - 1), busy.firstLimit, busy.maxLimit);
  }
}

function tooLong(error: KmsError, asked: number): KmsError {
  const seconds = Math.ceil(asked / 1000);
  const message = `${error.message} The next try may come in ${seconds} s, which is longer than this call can wait.`;
  return new KmsError(error.code, message, { cause: error, retryAfterMs: asked });
}
