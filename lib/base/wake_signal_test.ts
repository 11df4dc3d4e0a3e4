import { deepEqual } from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { WakeSignal } from "./wake_signal.ts";

/** Waits for a second, and notes when that ended, in milliseconds. */
function waiting(clock: FakeClock, wakeSignal: WakeSignal, signal: AbortSignal) {
  const ended: number[] = [];
  const started = clock.now();
  const done = wakeSignal.wait(clock, 1000, signal).then(() => void ended.push(clock.now() - started));
  return { ended, done };
}

Deno.test("WakeSignal.wait() ends with wake(), with its time, or with the signal", async () => {
  const [clock, wakeSignal, leaving] = [new FakeClock(), new WakeSignal(), new AbortController()];
  const ends = async (early: () => void) => {
    const { ended, done } = waiting(clock, wakeSignal, leaving.signal);
    await clock.advance(400);
    early();
    await clock.advance(800);
    await done;
    return ended;
  };
  deepEqual(await ends(() => {}), [1000]);
  deepEqual(await ends(() => wakeSignal.wake()), [400]);
  deepEqual(await ends(() => leaving.abort()), [400]);
});

Deno.test("WakeSignal.wake() between two waits ends the next one at once, and that one alone", async () => {
  const [clock, wakeSignal, { signal }] = [new FakeClock(), new WakeSignal(), new AbortController()];
  wakeSignal.wake();
  wakeSignal.wake();
  for (const expected of [0, 1000]) {
    const { ended, done } = waiting(clock, wakeSignal, signal);
    await clock.advance(1100);
    await done;
    deepEqual(ended, [expected]);
  }
});
