import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { collectAtRest } from "./collect.ts";

/** A process with simulated memory and processor time. */
function setUp() {
  const clock = new FakeClock();
  const collected: unknown[] = [];
  const process = { resident: 80e6, processorMs: 0, afterwards: [] as number[] };
  const collect = (options: unknown) => {
    collected.push(options);
    process.resident = process.afterwards.shift() ?? process.resident;
  };
  const usage = () => ({ resident: process.resident, processorMs: process.processorMs });
  return { clock, collected, process, options: { after: clock.after.bind(clock), collect, usage } };
}

Deno.test("collectAtRest() collects once, two seconds after the start", async () => {
  const { clock, collected, options } = setUp();
  using _at = collectAtRest(options);
  assert.deepEqual(collected, []);
  await clock.advance(1_000);
  assert.deepEqual(collected, []);
  await clock.advance(600_000);
  assert.deepEqual(collected, [{ type: "major", flavor: "last-resort" }]);
});

Deno.test("collectAtRest() collects again when an idle process has grown, as long as that frees memory", async () => {
  const { clock, collected, process, options } = setUp();
  process.afterwards = [70e6, 150e6, 90e6, 88e6];
  using _at = collectAtRest(options);
  await clock.advance(5_000);
  process.resident = 180e6;
  for (let at = 0; at < 6; at++) {
    process.processorMs += 5_000;
    await clock.advance(10_000);
  }
  assert.equal(collected.length, 1, "it collects while the process is busy");
  await clock.advance(60_000);
  assert.equal(collected.length, 4);
  assert.equal(process.resident, 88e6);
});

Deno.test("collectAtRest() does not collect in a process that has not grown", async () => {
  const { clock, collected, process, options } = setUp();
  using _at = collectAtRest(options);
  await clock.advance(5_000);
  process.resident += 7e6;
  await clock.advance(600_000);
  assert.equal(collected.length, 1);
});

Deno.test("collectAtRest() collects nothing once it is disposed of", async () => {
  const { clock, collected, process, options } = setUp();
  collectAtRest(options)[Symbol.dispose]();
  await clock.advance(60_000);
  assert.deepEqual(collected, []);
  const again = collectAtRest(options);
  await clock.advance(60_000);
  again[Symbol.dispose]();
  process.resident = 500e6;
  await clock.advance(60_000);
  assert.equal(collected.length, 1);
});

Deno.test("collectAtRest() does nothing in an engine without explicit collection", async () => {
  const { clock, options } = setUp();
  using _at = collectAtRest({ ...options, collect: undefined });
  await clock.advance(60_000);
});
