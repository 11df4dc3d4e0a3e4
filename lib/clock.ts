/**
 * Time as something that is passed in, so that a test can run a week in a second.
 *
 * @module
 */
import { type Deadline, sleep, timeoutReason } from "./deadline.ts";

/** Where time comes from. */
export interface Clock {
  /** Milliseconds since the epoch, never going backwards while the process lives. */
  now(): number;
  /** Calls back once after `ms`; what it returns calls that off. */
  after(ms: number, fire: () => void): () => void;
  /** Resolves after `ms` or as soon as `signal` fires; never throws. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** The machine's clock; a step of the wall clock during the process's life does not move it. */
export const systemClock: Clock = {
  now: () => performance.timeOrigin + performance.now(),
  after(ms, fire) {
    const timer = setTimeout(fire, ms);
    return () => clearTimeout(timer);
  },
  sleep,
};

/** As `deadline` of `lib/deadline.ts`, on a clock that a test may own. */
export function deadlineBy(clock: Clock, ms: number, parent: AbortSignal): Deadline {
  const controller = new AbortController();
  const onParent = () => controller.abort(parent.reason);
  if (parent.aborted) onParent();
  else parent.addEventListener("abort", onParent, { once: true });
  const callOff = clock.after(ms, () => controller.abort(timeoutReason()));
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      callOff();
      parent.removeEventListener("abort", onParent);
    },
  };
}
