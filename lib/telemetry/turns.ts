/**
 * Limits the rate of telemetry's work, so that the event loop can serve the KMS API in between.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";

/** The size and interval of turns. */
export interface TurnLimits {
  /** Maximum number of callers served in one turn. */
  readonly most: number;
  /** Milliseconds from the start of a turn to that of the next one. */
  readonly everyMs: number;
}

/** Assigns turns to callers in the order of their calls. */
export class RequestTurns {
  readonly #limits: TurnLimits;
  readonly #clock: Pick<Clock, "now" | "after">;
  readonly #waiting: (() => void)[] = [];
  #running = false;
  #lastAt = -Infinity;

  constructor(limits: TurnLimits, clock: Pick<Clock, "now" | "after">) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Resolves at the turn of the caller, not before the next iteration of the event loop. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#running || this.#waiting.length === 0) return;
    this.#running = true;
    const ms = Math.max(0, this.#lastAt + this.#limits.everyMs - this.#clock.now());
    this.#clock.after(ms, () => {
      this.#running = false;
      this.#lastAt = this.#clock.now();
      for (const resolve of this.#waiting.splice(0, this.#limits.most)) resolve();
      this.#schedule();
    });
  }
}
