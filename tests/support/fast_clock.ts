/**
 * A clock whose pauses are short, for tests with real connections whose subject waits for seconds. Its deadlines take as
 * long as the machine's, so that a call that a busy machine delays does not time out sooner.
 *
 * @module
 */
import { type Clock, systemClock } from "../../lib/base/clock.ts";

/** Makes the clock. @param speed milliseconds of a pause for one of the machine's. */
export function fastPauses(speed: number): Clock {
  const [now, wall] = [systemClock.now(), systemClock.wall()];
  const passed = () => (systemClock.now() - now) * speed;
  return {
    now: () => now + passed(),
    wall: () => wall + passed(),
    after: (ms, fire) => systemClock.after(ms, fire),
    sleep: (ms, signal) => systemClock.sleep(ms / speed, signal),
  };
}
