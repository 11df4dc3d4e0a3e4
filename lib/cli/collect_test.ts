import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { collectOnceStarted } from "./collect.ts";

function setUp() {
  const clock = new FakeClock();
  const collected: unknown[] = [];
  const collect = (options: unknown) => void collected.push(options);
  return { clock, collected, collect };
}

Deno.test("collectOnceStarted() collects once, some time after the start", async () => {
  const { clock, collected, collect } = setUp();
  using _once = collectOnceStarted(clock.after.bind(clock), collect);
  assert.deepEqual(collected, []);
  await clock.advance(1_000);
  assert.deepEqual(collected, []);
  await clock.advance(60_000);
  assert.deepEqual(collected, [{ type: "major", flavor: "last-resort" }]);
});

Deno.test("collectOnceStarted() collects nothing once it is disposed of", async () => {
  const { clock, collected, collect } = setUp();
  collectOnceStarted(clock.after.bind(clock), collect)[Symbol.dispose]();
  await clock.advance(60_000);
  assert.deepEqual(collected, []);
});

Deno.test("collectOnceStarted() leaves an engine alone that offers no collection", async () => {
  const { clock } = setUp();
  using _once = collectOnceStarted(clock.after.bind(clock), undefined);
  await clock.advance(60_000);
});
