/**
 * Telemetry comes last: its work is done in small portions, between which the event loop serves everything else.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";

/** What one portion holds, and how far apart portions are. */
export interface TurnLimits {
  /** Pieces of work in one turn. */
  readonly most: number;
  /** Milliseconds between the beginnings of two turns. */
  readonly everyMs: number;
}

/** Hands out turns in the order in which they were asked for. */
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

  /** Resolves when it is the caller's turn, never within the turn of the event loop in which it was called. */
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
