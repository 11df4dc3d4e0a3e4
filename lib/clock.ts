/**
 * Time as something that is passed in, so that a test can run a week in a second.
 *
 * @module
 */
import { type After, afterTimeout, type Deadline, deadline, sleep } from "./deadline.ts";

/** Where time comes from. */
export interface Clock {
  /** Milliseconds since the epoch, never going backwards while the process lives. */
  now(): number;
  /** Calls back once after `ms`; what it returns calls that off. */
  after(...timer: Parameters<After>): ReturnType<After>;
  /** Resolves after `ms` or as soon as `signal` fires; never throws. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** The machine's clock; a step of the wall clock during the process's life does not move it. */
export const systemClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  after: afterTimeout,
  sleep,
};

/** As `deadline` of `lib/deadline.ts`, on a clock that a test may own. */
export function deadlineBy(clock: Clock, ms: number, parent: AbortSignal): Deadline {
  return deadline(ms, parent, (ms, fire) => clock.after(ms, fire));
}
