/**
 * A fair scheduler: connections that have work are served one after the other, each for a short time.
 *
 * A read of 64 KiB can hold two thousand requests. Without turns, all of them would be answered before any other
 * connection is read.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";

/**
 * Limits in milliseconds.
 *
 * Beside one busy connection, a call on another connection waits for some turns. Measured on two cores: p50 3.4 ms and
 * p99 11 ms with turns of 1 ms; p50 0.9 ms and p99 6 ms with turns of 0.25 ms. The shorter turn costs the busy
 * connection a tenth of its calls.
 */
export const turnLimits = {
  /** Maximum length of one turn, while there are several tasks. */
  turnMs: 0.25,
  /** Maximum total length of turns between two polls of the sockets, while other connections wait. */
  roundMs: 0.5,
  /**
   * The same while no connection waits. An idle process polls its sockets anyway, whenever its event loop has no work.
   */
  quietMs: 4,
  /**
   * The same for the only task, and the maximum length of its turn. Calls that came together are answered together, and
   * share requests to a KMS. Timers and a new connection wait for so long.
   */
  onlyMs: 10,
} as const;

/**
 * Empty passes of the event loop after which the sockets have been polled for certain.
 *
 * While the event loop always has immediate work, the runtime polls sockets and timers only in every 61st pass (tokio's
 * `event_interval`; measured with Deno 2.9.6). With one turn in each pass, 61 turns would run between two polls. A pass
 * without work takes less than 2 µs.
 */
const passesToLook = 64;

/** A task that takes turns. */
export interface TurnTask {
  /**
   * Works until no work is left or `isOver()` returns true. It calls `isOver()` after each piece of work.
   *
   * @returns whether work is left that can be done now.
   */
  turn(isOver: () => boolean): boolean;
}

/** Dependencies of {@linkcode Turns}; a test replaces them. */
export interface TurnsOptions {
  /** Runs a function in the next pass of the event loop. */
  readonly soon: (work: () => void) => void;
  /** The current time in milliseconds. */
  readonly now: () => number;
}

/** Assigns turns: first to tasks that have newly requested one, then to tasks that had one and have work left. */
export class Turns {
  readonly #options: TurnsOptions;
  /** All tasks that may ask for turns. */
  readonly #tasks = new Set<TurnTask>();
  /** Tasks that have newly requested a turn, and tasks whose last turn ended with work left. */
  readonly #fresh = new Set<TurnTask>();
  readonly #behind = new Set<TurnTask>();
  readonly #isOver = () => this.#options.now() >= this.#until;
  #until = 0;
  #round: "none" | "planned" | "running" = "none";
  /**
   * End of the last turn, and the total length of the turns since the sockets were last polled for certain;
   * milliseconds.
   */
  #endedAt = -Infinity;
  #worked = 0;

  constructor(options: TurnsOptions = { soon: setImmediate, now: () => systemClock.now() }) {
    this.#options = options;
  }

  /** The current time in milliseconds, on the clock that measures the turns. */
  get now(): number {
    return this.#options.now();
  }

  /** Adds a task that will request turns. */
  enter(turner: TurnTask): void {
    this.#tasks.add(turner);
  }

  /**
   * Requests a turn. It starts at once if the task is the only one or no turn has started in this pass of the event loop;
   * otherwise the task is queued. Without the queue, a socket that always has data would be read again and again, and no other one.
   *
   * @param now the current time, if the caller has just read {@linkcode Turns.now}.
   */
  ask(turner: TurnTask, now: number = this.#options.now()): void {
    if (this.#round !== "none") return this.#behind.has(turner) ? undefined : void this.#fresh.add(turner);
    this.#round = "running";
    // The event loop was idle since then, so that it has polled its sockets.
    if (now - this.#endedAt > turnLimits.turnMs) this.#worked = 0;
    this.#give(turner, now);
    // No other task can wait for the rest of this pass.
    if (this.#isAlone && this.#behind.size === 0 && this.#worked < turnLimits.onlyMs) this.#round = "none";
    else this.#plan();
  }

  /** Whether the task is queued for a turn. */
  waits(turner: TurnTask): boolean {
    return this.#fresh.has(turner) || this.#behind.has(turner);
  }

  /** Removes the task, also from the queues. */
  leave(turner: TurnTask): void {
    this.#tasks.delete(turner);
    this.#fresh.delete(turner);
    this.#behind.delete(turner);
  }

  get #isAlone(): boolean {
    return this.#tasks.size === 1;
  }

  #plan(): void {
    this.#round = "planned";
    if (this.#worked < this.#maxWork()) return this.#options.soon(() => this.#runRound());
    this.#worked = 0;
    this.#pass(passesToLook);
  }

  /** Maximum length of the turns before the sockets are polled. */
  #maxWork(): number {
    if (this.#isAlone) return turnLimits.onlyMs;
    return this.#fresh.size + this.#behind.size === 0 ? turnLimits.quietMs : turnLimits.turnMs;
  }

  #pass(left: number): void {
    this.#options.soon(() => left > 1 ? this.#pass(left - 1) : this.#runRound());
  }

  /** One turn for each queued task, up to the limit of a round, and at least one for a task that had work left. */
  #runRound(): void {
    if (this.#fresh.size + this.#behind.size === 0) return void (this.#round = "none");
    this.#round = "running";
    this.#giveEach(this.#fresh);
    this.#giveEach(this.#behind);
    this.#plan();
  }

  #giveEach(waiting: Set<TurnTask>): void {
    let left = waiting.size;
    for (const turner of waiting) {
      waiting.delete(turner);
      this.#give(turner);
      if (--left <= 0 || this.#worked >= turnLimits.roundMs) return;
    }
  }

  #give(turner: TurnTask, began: number = this.#options.now()): void {
    const { turnMs, onlyMs } = turnLimits;
    this.#until = began + (this.#isAlone ? Math.max(turnMs, onlyMs - this.#worked) : turnMs);
    if (turner.turn(this.#isOver)) this.#behind.add(turner);
    this.#endedAt = this.#options.now();
    this.#worked += this.#endedAt - began;
  }
}
