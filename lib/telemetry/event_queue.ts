/**
 * A queue that delivers events to metrics and audit in batches.
 *
 * The work for one event between two calls costs a multiple of the same work for many events in a row, when its code and
 * data are in the caches of the processor.
 *
 * @module
 */
import type { Event } from "./events.ts";

/** Receives an event. `at` is its time, in milliseconds since the epoch. */
export type Take = (event: Event, at: number) => void;

/**
 * `waitMs`: the longest wait of an event, in milliseconds. `events`: maximum number of waiting events, about 300 bytes
 * each. The delivery of a full queue takes about one millisecond, which delays the calls at that time.
 */
export const queueLimits = { waitMs: 20, events: 128 } as const;

/** Delivers events in order, several at once. Disposing of it delivers the rest. */
export class EventQueue implements Disposable {
  readonly #take: Take;
  readonly #now: () => number;
  #events: Event[] = [];
  #times: number[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** @param now returns milliseconds since the epoch. */
  constructor(take: Take, now: () => number) {
    this.#take = take;
    this.#now = now;
  }

  /** Adds an event. A full or closed queue delivers at once. */
  push(event: Event): void {
    this.#times.push(this.#now());
    if (this.#events.push(event) >= queueLimits.events || this.#closed) return this.drain();
    this.#timer ??= setTimeout(() => this.drain(), queueLimits.waitMs);
  }

  /** Delivers all waiting events now. */
  drain(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const [events, times] = [this.#events, this.#times];
    if (events.length === 0) return;
    // Events that are added during the delivery wait for the next one.
    this.#events = [];
    this.#times = [];
    events.forEach((event, index) => this.#take(event, times[index] ?? this.#now()));
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.drain();
  }
}
