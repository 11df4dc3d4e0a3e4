/**
 * Events on their way to those who can wait a little.
 *
 * What is done for one call between two others costs a multiple of the same work done for many calls in a row, when the
 * code and what it touches are still in the processor's caches. So counting and auditing wait for company.
 *
 * @module
 */
import type { Event } from "./events.ts";

/** Takes an event that was noted at `at`, milliseconds since the epoch. */
export type Take = (event: Event, at: number) => void;

/**
 * Milliseconds that an event waits at most, and how many wait at most: some 300 bytes each. To hand on so many takes about
 * a millisecond, which the calls of that moment wait.
 */
export const queueLimits = { waitMs: 20, events: 128 } as const;

/** Hands events on in order, several at once. Disposing of it hands on what is left. */
export class EventQueue implements Disposable {
  readonly #take: Take;
  readonly #now: () => number;
  #events: Event[] = [];
  #times: number[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** @param now milliseconds since the epoch. */
  constructor(take: Take, now: () => number) {
    this.#take = take;
    this.#now = now;
  }

  /** Takes an event without doing anything with it yet. */
  push(event: Event): void {
    this.#times.push(this.#now());
    if (this.#events.push(event) >= queueLimits.events || this.#closed) return this.drain();
    this.#timer ??= setTimeout(() => this.drain(), queueLimits.waitMs);
  }

  /** Hands on all that waits, now. */
  drain(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const [events, times] = [this.#events, this.#times];
    if (events.length === 0) return;
    // An event that comes out of this very work waits for the next time.
    this.#events = [];
    this.#times = [];
    events.forEach((event, index) => this.#take(event, times[index] ?? this.#now()));
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.drain();
  }
}
