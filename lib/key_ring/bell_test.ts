import { deepEqual, equal } from "node:assert/strict";
import { CountingController } from "../../tests/support/counting_signal.ts";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { Bell } from "./bell.ts";

const never = new AbortController().signal;

function setUp() {
  const [clock, bell] = [new FakeClock(), new Bell()];
  let ended = 0;
  const wait = (ms: number, signal = never) => bell.wait(clock, ms, signal).then(() => ended++);
  const endedNow = async () => {
    await clock.settle();
    return ended;
  };
  return { clock, bell, wait, endedNow };
}

Deno.test("Bell.wait() ends after its time", async () => {
  const { clock, wait, endedNow } = setUp();
  wait(1_000);
  await clock.advance(999);
  equal(await endedNow(), 0);
  await clock.advance(1);
  equal(await endedNow(), 1);
});

Deno.test("Bell.ring() ends the wait under way, and none after it", async () => {
  const { clock, bell, wait, endedNow } = setUp();
  wait(1_000);
  bell.ring();
  bell.ring();
  equal(await endedNow(), 1);
  equal(clock.untilNext(), Infinity);
  wait(1_000);
  equal(await endedNow(), 1);
});

Deno.test("Bell.ring() is not lost while nothing waits, and many rings are one", async () => {
  const { bell, wait, endedNow } = setUp();
  bell.ring();
  bell.ring();
  wait(1_000);
  equal(await endedNow(), 1);
  wait(1_000);
  equal(await endedNow(), 1);
});

Deno.test("Bell.wait() ends with its signal, and leaves nothing on it", async () => {
  const { bell, wait, endedNow } = setUp();
  const caller = new CountingController();
  wait(1_000, caller.signal);
  bell.ring();
  deepEqual([await endedNow(), caller.listeners], [1, 0]);
  wait(1_000, caller.signal);
  equal(await endedNow(), 1);
  caller.abort();
  equal(await endedNow(), 2);
  wait(1_000, caller.signal);
  equal(await endedNow(), 3, "it has fired before");
});
