/**
 * Wakes a loop that sleeps.
 *
 * @module
 */
import type { Clock } from "./clock.ts";
import { abandoned } from "./deadline.ts";

/** For one loop that waits. A wake between two waits ends the next one at once, and several wakes count as one. */
export class WakeSignal {
  #isSet = false;
  #wake: () => void = () => {};

  /** Ends the wait in progress, or the next one. */
  wake(): void {
    this.#isSet = true;
    this.#wake();
  }

  /** Waits until it is woken, for at most `ms` milliseconds, or until `signal` fires. */
  async wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#isSet && !signal.aborted) {
      const woken = new AbortController();
      const wake = () => woken.abort(abandoned);
      this.#wake = wake;
      signal.addEventListener("abort", wake);
      await clock.sleep(ms, woken.signal);
      signal.removeEventListener("abort", wake);
    }
    this.#isSet = false;
  }
}
