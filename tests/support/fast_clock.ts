/**
 * The machine's clock, run faster: for tests whose subject waits for seconds beside real connections.
 *
 * @module
 */
import { type Clock, systemClock } from "../../lib/base/clock.ts";

/** @param speed how many milliseconds of this clock pass in one of the machine's. */
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
