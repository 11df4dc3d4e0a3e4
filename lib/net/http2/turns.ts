/**
 * Turns: connections that have something to be dealt with are served one after the other, each for a short time.
 *
 * A read of 64 KiB may hold two thousand requests. Without turns they would all be answered before any other connection
 * is read from.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";

/**
 * Milliseconds. Another connection's call waits for some turns: beside one busy connection on two cores, its p50 was 3.4 ms
 * and its p99 11 ms with turns of 1 ms, and 0.9 and 6 ms with a quarter of that, for a tenth of the busy one's calls.
 */
export const turnLimits = {
  /** One turn. */
  turnMs: 0.25,
  /** All turns between two looks at the sockets, while some wait. */
  roundMs: 0.5,
  /** The same while none waits: a process that is not busy looks at them anyway, whenever it rests. */
  quietMs: 4,
} as const;

/**
 * While there is always something to be done at once, the runtime looks at its sockets and timers in every 61st pass of
 * the event loop only (tokio's `event_interval`; measured with Deno 2.9.6). With a turn in each pass that would be a look
 * in 61 ms. A pass in which nothing is done takes less than 2 µs.
 */
const passesToLook = 64;

/** Something that takes turns. */
export interface Turner {
  /**
   * Works until nothing is left or `isOver` says so, which is asked after each piece of work.
   *
   * @returns whether something is left that can be done now.
   */
  turn(isOver: () => boolean): boolean;
}

/** Dependencies of the turns; a test replaces them. */
export interface TurnsOptions {
  /** Does something in the next pass of the event loop. */
  readonly soon: (work: () => void) => void;
  /** Milliseconds. */
  readonly now: () => number;
}

/** Hands out turns: to those that ask anew first, and then to those that had one and have something left. */
export class Turns {
  readonly #options: TurnsOptions;
  /** Those that have asked, and those that had a turn and were not done. */
  readonly #fresh = new Set<Turner>();
  readonly #behind = new Set<Turner>();
  readonly #isOver = () => this.#options.now() >= this.#until;
  #until = 0;
  #round: "none" | "planned" | "running" = "none";
  /** When the last turn ended, and how long turns took since the sockets were last looked at for sure; ms. */
  #endedAt = -Infinity;
  #worked = 0;

  constructor(options: TurnsOptions = { soon: setImmediate, now: () => systemClock.now() }) {
    this.#options = options;
  }

  /** Milliseconds, on the clock of the turns. */
  get now(): number {
    return this.#options.now();
  }

  /**
   * Gives a turn: at once if none was given in this pass of the event loop, else after those that wait. A socket that
   * always has more to be read would else be read from again and again, and no other one.
   */
  ask(turner: Turner): void {
    if (this.#round !== "none") return this.#behind.has(turner) ? undefined : void this.#fresh.add(turner);
    this.#round = "running";
    // A process that has rested has looked at its sockets.
    if (this.#options.now() - this.#endedAt > turnLimits.turnMs) this.#worked = 0;
    this.#give(turner);
    this.#plan();
  }

  /** Whether it waits for a turn. */
  waits(turner: Turner): boolean {
    return this.#fresh.has(turner) || this.#behind.has(turner);
  }

  /** Gives no turn any more. */
  leave(turner: Turner): void {
    this.#fresh.delete(turner);
    this.#behind.delete(turner);
  }

  #plan(): void {
    this.#round = "planned";
    const isQuiet = this.#fresh.size + this.#behind.size === 0;
    if (this.#worked < (isQuiet ? turnLimits.quietMs : turnLimits.turnMs)) {
      return this.#options.soon(() => this.#runRound());
    }
    this.#worked = 0;
    this.#pass(passesToLook);
  }

  #pass(left: number): void {
    this.#options.soon(() => left > 1 ? this.#pass(left - 1) : this.#runRound());
  }

  /** One turn for each that waits now, as far as a round goes, and at least one for those that were not done. */
  #runRound(): void {
    if (this.#fresh.size + this.#behind.size === 0) return void (this.#round = "none");
    this.#round = "running";
    this.#giveEach(this.#fresh);
    this.#giveEach(this.#behind);
    this.#plan();
  }

  #giveEach(waiting: Set<Turner>): void {
    let left = waiting.size;
    for (const turner of waiting) {
      waiting.delete(turner);
      this.#give(turner);
      if (--left <= 0 || this.#worked >= turnLimits.roundMs) return;
    }
  }

  #give(turner: Turner): void {
    const began = this.#options.now();
    this.#until = began + turnLimits.turnMs;
    if (turner.turn(this.#isOver)) this.#behind.add(turner);
    this.#endedAt = this.#options.now();
    this.#worked += this.#endedAt - began;
  }
}
