/**
 * Time as a dependency, so that a test can simulate a week in a second.
 *
 * @module
 */
import { afterTimeout, type Deadline, deadline, type SetTimer, sleep } from "./deadline.ts";

/** Source of the time and of timers. */
export interface Clock {
  /**
   * Monotonic time in milliseconds since an arbitrary origin: for intervals, ages and deadlines within this process. It
   * is neither shown nor stored, since changes of the wall clock do not affect it.
   */
  now(): number;
  /**
   * Wall clock of the machine in milliseconds since the epoch. It can jump in either direction at any time. For times
   * that are shown to people, written to files or compared with the time of another machine.
   */
  wall(): number;
  /** Calls `fire` once after `ms` milliseconds. @returns a function that cancels the call. */
  after(...timer: Parameters<SetTimer>): ReturnType<SetTimer>;
  /** Resolves after `ms` milliseconds or as soon as `signal` is aborted; never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** Start of this process in milliseconds on the monotonic clock of {@linkcode systemClock}. */
export const processStartedAt = performance.timeOrigin;

/** The clocks and timers of the machine. */
export const systemClock: Clock = {
  now: () => processStartedAt + performance.now(),
  wall: () => Date.now(),
  after: afterTimeout,
  sleep,
};

/** A clock without its timers. */
export type Times = Pick<Clock, "now" | "wall">;

/** Milliseconds. Smaller differences come from slewing (NTP adjusts the rate); shown times do not follow them. */
const slewedMs = 250;

/**
 * Converts times of {@linkcode Clock.now} to wall times with the current wall clock. If the wall clock is set later,
 * past times are shown accordingly.
 */
export class WallTimes {
  readonly #clock: Times;
  #ahead: number;

  constructor(clock: Times) {
    this.#clock = clock;
    this.#ahead = clock.wall() - clock.now();
  }

  /** The wall time of a monotonic time, in whole milliseconds since the epoch. */
  of(moment: number): number {
    const ahead = this.#clock.wall() - this.#clock.now();
    if (Math.abs(ahead - this.#ahead) > slewedMs) this.#ahead = ahead;
    return Math.round(moment + this.#ahead);
  }

  /** The current wall time in whole milliseconds since the epoch. */
  now(): number {
    return this.of(this.#clock.now());
  }
}

/** First millisecond of the year 0 and first millisecond after the year 9999, since the epoch. */
const writable = { from: -62_167_219_200_000, to: 253_402_300_800_000 } as const;

/**
 * A wall time in milliseconds since the epoch as RFC 3339, in UTC with milliseconds; `undefined` outside the years 0 to
 * 9999.
 */
export function rfc3339(wall: number): string | undefined {
  return wall >= writable.from && wall < writable.to ? new Date(wall).toISOString() : undefined;
}

/** `deadline` of `lib/base/deadline.ts` on the given clock, which can be that of a test. */
export function deadlineBy(clock: Clock, ms: number, parent: AbortSignal): Deadline {
  return deadline(ms, parent, (ms, fire) => clock.after(ms, fire), () => clock.now());
}
