/**
 * Time as something that is passed in, so that a test can run a week in a second.
 *
 * @module
 */
import { type After, afterTimeout, type Deadline, deadline, sleep } from "./deadline.ts";

/** Where time comes from. */
export interface Clock {
  /**
   * Monotonic time in milliseconds, from an origin without meaning: for intervals, ages and deadlines of this process.
   * It is neither shown nor stored, since a clock that is set after the start leaves it where it was.
   */
  now(): number;
  /**
   * The machine's wall clock: milliseconds since the epoch, and it may step either way at any moment. It is for what is
   * shown to people, written to files, or compared with a time that another machine gave.
   */
  wall(): number;
  /** Calls back once after `ms`; what it returns calls that off. */
  after(...timer: Parameters<After>): ReturnType<After>;
  /** Resolves after `ms` or as soon as `signal` fires; never throws. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** The machine's clocks. */
export const systemClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  wall: () => Date.now(),
  after: afterTimeout,
  sleep,
};

/** As `deadline` of `lib/deadline.ts`, on a clock that a test may own. */
export function deadlineBy(clock: Clock, ms: number, parent: AbortSignal): Deadline {
  return deadline(ms, parent, (ms, fire) => clock.after(ms, fire), () => clock.now());
}
