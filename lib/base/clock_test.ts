import { deepEqual, equal, ok } from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { processStartedAt, rfc3339, systemClock, WallTimes } from "./clock.ts";

const hour = 3_600_000;

Deno.test("WallTimes.of() converts a time with the current wall clock", async () => {
  const clock = new FakeClock();
  const times = new WallTimes(clock);
  const moment = clock.now();
  await clock.advance(1_000);
  equal(times.of(moment), clock.wall() - 1_000);
  for (const step of [3 * hour, -6 * hour]) {
    clock.setWall(step);
    equal(times.of(moment), clock.wall() - 1_000);
    equal(times.now(), clock.wall());
  }
});

Deno.test("WallTimes.of() stays constant while the wall clock is slewed by less than 250 ms", async () => {
  const clock = new FakeClock();
  const times = new WallTimes(clock);
  const [moment, shown] = [clock.now(), new Set<number>()];
  for (const step of [0.4, -0.7, 90, -150, 200, -240]) {
    clock.setWall(step);
    await clock.advance(1_000);
    shown.add(times.of(moment));
  }
  equal(shown.size, 1);
  clock.setWall(-300);
  ok(!shown.has(times.of(moment)), "more than that is a clock that was set");
});

Deno.test("systemClock.now() starts with the process and never decreases", async () => {
  const first = systemClock.now();
  await systemClock.sleep(5, new AbortController().signal);
  ok(first >= processStartedAt && systemClock.now() > first);
});

Deno.test("rfc3339() is UTC with milliseconds, and undefined outside its range of years", () => {
  equal(rfc3339(Date.parse("2026-11-03T18:03:12.041Z")), "2026-11-03T18:03:12.041Z");
  deepEqual([1e300, -1e300, NaN, Infinity, 253_402_300_800_000].map(rfc3339), Array(5).fill(undefined));
  equal(rfc3339(253_402_300_799_999), "9999-12-31T23:59:59.999Z");
  equal(rfc3339(-62_167_219_200_000), "0000-01-01T00:00:00.000Z");
});
