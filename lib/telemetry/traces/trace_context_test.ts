import { deepEqual, equal, match, ok } from "node:assert/strict";
import * as fc from "fast-check";
import { isRecorded, randomId, remoteParent } from "./trace_context.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const spanId = "00f067aa0ba902b7";

Deno.test("remoteParent() reads the header, of a later version too", () => {
  deepEqual(remoteParent(`00-${traceId}-${spanId}-01`), { traceId, spanId, isSampled: true });
  deepEqual(remoteParent(`00-${traceId}-${spanId}-02`), { traceId, spanId, isSampled: false });
  deepEqual(remoteParent(`cc-${traceId}-${spanId}-01-more`), { traceId, spanId, isSampled: true });
});

Deno.test("remoteParent() refuses every other header", () => {
  for (
    const header of [
      undefined,
      "",
      `00-${traceId}-${spanId}`,
      `00-${traceId}-${spanId}-1`,
      `00-${traceId}-${spanId}-01-more`,
      `ff-${traceId}-${spanId}-01`,
      `00-${traceId.toUpperCase()}-${spanId}-01`,
      `00-${"0".repeat(32)}-${spanId}-01`,
      `00-${traceId}-${"0".repeat(16)}-01`,
      `00-${traceId}-${spanId}-01\n`,
      ` 00-${traceId}-${spanId}-01`,
      `cc-${traceId}-${spanId}-01-${"x".repeat(300)}`,
    ]
  ) {
    equal(remoteParent(header), undefined, `${header}`);
  }
  fc.assert(fc.property(fc.string(), (header) => equal(remoteParent(header), undefined)));
});

Deno.test("randomId() gives hexadecimal digits, never the same", () => {
  const ids = new Set(Array.from({ length: 100 }, () => randomId(16)));
  equal(ids.size, 100);
  for (const id of ids) match(id, /^[0-9a-f]{32}$/);
  match(randomId(8), /^[0-9a-f]{16}$/);
});

Deno.test("isRecorded() takes the share of traces, none at 0 and all at 1", () => {
  const ids = Array.from({ length: 2_000 }, () => randomId(16));
  const taken = (ratio: number) => ids.filter((id) => isRecorded(id, ratio)).length;
  deepEqual([taken(0), taken(1)], [0, 2_000]);
  ok(isRecorded("f".repeat(32), 1) && !isRecorded("0".repeat(32), 0));
  for (const first of ["0", "f"]) {
    equal(isRecorded(`${first.repeat(19)}3ffffffffffff`, 0.25), true);
    equal(isRecorded(`${first.repeat(19)}4000000000000`, 0.25), false);
  }
  // Five standard deviations of a binomial distribution.
  ok(Math.abs(taken(0.25) - 500) < 5 * Math.sqrt(2_000 * 0.25 * 0.75), `${taken(0.25)}`);
});
