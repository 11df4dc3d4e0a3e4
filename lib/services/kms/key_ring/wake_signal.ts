/**
 * Waking a loop that sleeps: a ring is never lost, and many rings are one.
 *
 * @module
 */
import type { Clock } from "../../../base/clock.ts";
import { abandoned } from "../../../base/deadline.ts";

/** One loop waits, anybody rings. */
export class WakeSignal {
  #rung = false;
  #wake: () => void = () => {};

  /** Ends the wait under way, or the next one at once. */
  wake(): void {
    this.#rung = true;
    this.#wake();
  }

  /** Waits for a ring, `ms` at most, or until `signal` fires. */
  async wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted) {
      const woken = new AbortController();
      const wake = () => woken.abort(abandoned);
      this.#wake = wake;
      signal.addEventListener("abort", wake, { once: true });
      await clock.sleep(ms, woken.signal);
      signal.removeEventListener("abort", wake);
      this.#wake = () => {};
    }
    this.#rung = false;
  }
}
