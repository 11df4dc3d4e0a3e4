/**
 * Waking a loop that sleeps: a ring is never lost, and many rings are one.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { noLongerWanted } from "../deadline.ts";

/** One loop waits, anybody rings. */
export class Bell {
  #rung = false;
  #wake: () => void = () => {};

  /** Ends the wait under way, or the next one at once. */
  ring(): void {
    this.#rung = true;
    this.#wake();
  }

  /** Waits for a ring, `ms` at most, or until `signal` fires. */
  async wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted) {
      const woken = new AbortController();
      const wake = () => woken.abort(noLongerWanted);
      this.#wake = wake;
      signal.addEventListener("abort", wake);
      await clock.sleep(ms, woken.signal);
      signal.removeEventListener("abort", wake);
    }
    this.#rung = false;
  }
}
