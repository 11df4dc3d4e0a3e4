/**
 * Time as something that is passed in, so that a test can run a week in a second.
 *
 * @module
 */
import { afterTimeout, type Deadline, deadline, type SetTimer, sleep } from "./deadline.ts";

/** Where time comes from. */
export interface Clock {
  /**
   * Monotonic time in milliseconds, from an origin without meaning: for intervals, ages and deadlines of this process.
   * It is neither shown nor stored, since a clock that is set after the start leaves it where it was.
   */
  now(): number;
  /**
   * The machine's wall clock: milliseconds since the epoch. It may step either way at any moment. It is for times that
   * are shown to people, written to files, or compared with the time of another machine.
   */
  wall(): number;
  /** Calls back once after `ms`; what it returns calls that off. */
  after(...timer: Parameters<SetTimer>): ReturnType<SetTimer>;
  /** Resolves after `ms` or as soon as `signal` fires; never throws. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** When this process started, on {@linkcode systemClock}'s `now`. */
export const processStartedAt = performance.timeOrigin;

/** The machine's clocks. */
export const systemClock: Clock = {
  now: () => processStartedAt + performance.now(),
  wall: () => Date.now(),
  after: afterTimeout,
  sleep,
};

/** The clocks without their timers. */
export type Times = Pick<Clock, "now" | "wall">;

/** Milliseconds. Within this the wall clock is steered rather than set, and a shown time should not flicker. */
const steered = 250;

/**
 * Converts moments of {@linkcode Clock.now} to wall times, by the present wall clock: a clock that is set after the
 * start moves the times that were shown.
 */
export class WallTimes {
  readonly #clock: Times;
  #ahead: number;

  constructor(clock: Times) {
    this.#clock = clock;
    this.#ahead = clock.wall() - clock.now();
  }

  /** The wall time of a moment, in whole milliseconds since the epoch. */
  of(moment: number): number {
    const ahead = this.#clock.wall() - this.#clock.now();
    if (Math.abs(ahead - this.#ahead) > steered) this.#ahead = ahead;
    return Math.round(moment + this.#ahead);
  }

  /** The wall time of now. */
  now(): number {
    return this.of(this.#clock.now());
  }
}

/** The first millisecond of the year 0, and the one after the last of the year 9999. */
const writable = { from: -62_167_219_200_000, to: 253_402_300_800_000 } as const;

/** A wall time as RFC 3339 has it, in UTC with milliseconds; `undefined` for a number that it cannot express. */
export function rfc3339(wall: number): string | undefined {
  return wall >= writable.from && wall < writable.to ? new Date(wall).toISOString() : undefined;
}

/** As `deadline` of `lib/base/deadline.ts`, on a clock that a test may own. */
export function deadlineBy(clock: Clock, ms: number, parent: AbortSignal): Deadline {
  return deadline(ms, parent, (ms, fire) => clock.after(ms, fire), () => clock.now());
}
