import { deepEqual, equal } from "node:assert/strict";
import { WallTimes } from "../base/clock.ts";
import { shown, shownDecrypts, shownHealth } from "./shown.ts";

/** The wall clock is 1,000 ms ahead of the monotonic one. */
const times = new WallTimes({ now: () => 5_000, wall: () => 6_000 });

Deno.test("shown() converts a moment to the wall clock, and leaves out one that is missing", () => {
  equal(shown(0, times), 1_000);
  equal(shown(4_000, times), 5_000);
  equal(shown(undefined, times), undefined);
});

Deno.test("shownHealth() converts both its moments", () => {
  const health = { state: "sick", since: 2_000, code: "unreachable", message: "No route." } as const;
  const shownAs = { name: "a", kind: "local", health: "sick", since: 3_000, code: "unreachable", message: "No route." };
  for (const [lastGoodAt, at] of [[1_500, 2_500], [undefined, undefined]]) {
    deepEqual(shownHealth({ name: "a", kind: "local" }, { ...health, lastGoodAt }, times), {
      ...shownAs,
      lastGoodAt: at,
    });
  }
});

Deno.test("shownDecrypts() converts the moments of every code", () => {
  const refused = { code: "integrity", message: "No.", envelopes: 3 } as const;
  const status = { windowMs: 300_000, failing: true, lastOpenedAt: 100 };
  deepEqual(shownDecrypts({ ...status, refused: [{ ...refused, since: 1, lastAt: 2 }] }, times), {
    ...status,
    lastOpenedAt: 1_100,
    refused: [{ ...refused, since: 1_001, lastAt: 1_002 }],
  });
});
