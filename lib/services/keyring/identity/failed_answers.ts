/**
 * Delays the answers to wrong credentials, and no others: a right one is answered at once, from the same address too.
 *
 * @module
 */
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { Clock } from "../../../base/clock.ts";
import { jittered } from "../../../base/deadline.ts";

/** Limits of the delay. */
export const failedAnswerLimits = {
  /** The mean delay and the share by which it varies: 1 to 2 seconds. */
  meanMs: 1_500,
  share: 1 / 3,
  /** Maximum number of answers that are held at one time; further ones are refused at once. */
  held: 64,
} as const;

/** Holds failed answers. One for each server. */
export class FailedAnswers {
  readonly #clock: Clock;
  #held = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The number of answers that are held now. */
  get held(): number {
    return this.#held;
  }

  /**
   * Runs a check of credentials. If it throws `unauthenticated`, the error comes after the delay, or at once when the
   * signal is aborted.
   *
   * @throws {KeyringError} the error of `check`, or `rate_limited` if too many failed answers are held.
   */
  async delayFailure<T>(check: () => Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      return await check();
    } catch (thrown) {
      if (thrown instanceof KeyringError && thrown.code === "unauthenticated") await this.#hold(signal);
      throw thrown;
    }
  }

  async #hold(signal: AbortSignal): Promise<void> {
    if (this.#held >= failedAnswerLimits.held) {
      throw new KeyringError("rate_limited", "Too many wrong credentials were sent; wait 2 seconds and try again.", {
        retryAfterSeconds: 2,
      });
    }
    this.#held++;
    try {
      await this.#clock.sleep(jittered(failedAnswerLimits.meanMs, failedAnswerLimits.share), signal);
    } finally {
      this.#held--;
    }
  }
}
