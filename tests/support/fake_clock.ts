/**
 * A clock that stands still until a test moves it.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Clock } from "../../lib/base/clock.ts";

interface Timer {
  readonly at: number;
  readonly fire: () => void;
}

/** A clock that moves only by {@linkcode FakeClock.advance}. */
export class FakeClock implements Clock {
  #now = 1_700_000_000_000;
  #wallAhead = 0;
  #timers: Timer[] = [];

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now + this.#wallAhead;
  }

  /** Steps the wall clock alone, as NTP or an administrator does. @param ms forward, or back if negative. */
  setWall(ms: number): void {
    this.#wallAhead += ms;
  }

  after(ms: number, fire: () => void): () => void {
    const cancel = () => void (this.#timers = this.#timers.filter((other) => other !== timer));
    const timer: Timer = {
      at: this.#now + Math.max(0, ms),
      fire() {
        cancel();
        fire();
      },
    };
    this.#timers.push(timer);
    return cancel;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const done = () => {
        cancel();
        signal.removeEventListener("abort", done);
        resolve();
      };
      const cancel = this.after(ms, done);
      signal.addEventListener("abort", done, { once: true });
    });
  }

  /** Milliseconds until the next timer; `Infinity` if there is none. */
  untilNext(): number {
    return Math.min(...this.#timers.map(({ at }) => at)) - this.#now;
  }

  /** Advances by `ms` milliseconds. Timers fire in order, and the work that one starts runs before the next one. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await this.settle();
    for (;;) {
      const next = this.#timers.toSorted((a, b) => a.at - b.at)[0];
      if (!next || next.at > end) break;
      this.#now = Math.max(this.#now, next.at);
      next.fire();
      await this.settle();
    }
    this.#now = end;
  }

  /** Runs everything that does not wait for time. */
  async settle(): Promise<void> {
    for (let i = 0; i < 3; i++) await new Promise<void>((resolve) => setImmediate(resolve));
  }
}
