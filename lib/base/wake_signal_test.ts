import { deepEqual, equal } from "node:assert/strict";
import { CountingController } from "../../tests/support/counting_signal.ts";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { WakeSignal } from "./wake_signal.ts";

const never = new AbortController().signal;

function setUp() {
  const [clock, wakeSignal] = [new FakeClock(), new WakeSignal()];
  let ended = 0;
  const wait = (ms: number, signal = never) => wakeSignal.wait(clock, ms, signal).then(() => ended++);
  const endedNow = async () => {
    await clock.settle();
    return ended;
  };
  return { clock, wakeSignal, wait, endedNow };
}

Deno.test("WakeSignal.wait() ends after its time", async () => {
  const { clock, wait, endedNow } = setUp();
  wait(1_000);
  await clock.advance(999);
  equal(await endedNow(), 0);
  await clock.advance(1);
  equal(await endedNow(), 1);
});

Deno.test("WakeSignal.wake() during a wait ends that wait, and none after it", async () => {
  const { clock, wakeSignal, wait, endedNow } = setUp();
  wait(1_000);
  await clock.advance(400);
  wakeSignal.wake();
  wakeSignal.wake();
  equal(await endedNow(), 1);
  equal(clock.untilNext(), Infinity);
  wait(1_000);
  equal(await endedNow(), 1);
  await clock.advance(1_000);
  equal(await endedNow(), 2);
});

Deno.test("WakeSignal.wake() between two waits ends the next one at once, and that one alone", async () => {
  const { wakeSignal, wait, endedNow } = setUp();
  wakeSignal.wake();
  wakeSignal.wake();
  wait(1_000);
  equal(await endedNow(), 1);
  wait(1_000);
  equal(await endedNow(), 1);
});

Deno.test("WakeSignal.wait() ends with its signal, and leaves no listener on it", async () => {
  const { wakeSignal, wait, endedNow } = setUp();
  const caller = new CountingController();
  wait(1_000, caller.signal);
  wakeSignal.wake();
  deepEqual([await endedNow(), caller.listeners], [1, 0]);
  wait(1_000, caller.signal);
  equal(await endedNow(), 1);
  caller.abort();
  equal(await endedNow(), 2);
  wait(1_000, caller.signal);
  equal(await endedNow(), 3, "the signal has fired before");
});
