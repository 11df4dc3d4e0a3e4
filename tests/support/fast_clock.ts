/**
 * A clock that runs faster than the machine's, for tests with real connections whose subject waits for seconds.
 *
 * @module
 */
import { type Clock, systemClock } from "../../lib/base/clock.ts";

/** Makes the clock. @param speed milliseconds of this clock for one of the machine's. */
export function fastClock(speed: number): Clock {
  const [now, wall] = [systemClock.now(), systemClock.wall()];
  const passed = () => (systemClock.now() - now) * speed;
  return {
    now: () => now + passed(),
    wall: () => wall + passed(),
    after: (ms, fire) => systemClock.after(ms / speed, fire),
    sleep: (ms, signal) => systemClock.sleep(ms / speed, signal),
  };
}

/**
 * A clock whose pauses are short, while its deadlines take as long as the machine's: a call that a busy machine delays
 * does not time out sooner.
 *
 * @param speed milliseconds of a pause for one of the machine's.
 */
export function fastPauses(speed: number): Clock {
  return { ...fastClock(speed), after: (ms, fire) => systemClock.after(ms, fire) };
}
