import { deepEqual, equal } from "node:assert/strict";
import { Latencies } from "./latency.ts";

/** A record of one provider's unwraps, in this order. */
function noted(...samples: readonly number[]): Latencies {
  const latencies = new Latencies();
  for (const ms of samples) latencies.note("a", ms);
  return latencies;
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

Deno.test("typical() is the median, the upper one of an even number, in whatever order they came", () => {
  equal(noted(30).typical("a"), 30);
  equal(noted(30, 10, 20).typical("a"), 20);
  equal(noted(40, 10, 30, 20).typical("a"), 30);
});

Deno.test("hedge() is the 95th percentile", () => {
  equal(noted(...upTo(19).map((ms) => 10 * ms)).hedge("a"), 190);
  equal(noted(...upTo(40).map((ms) => 10 * ms)).hedge("a"), 390);
});

Deno.test("hedge() is 20 ms to 700 ms", () => {
  deepEqual([noted(19), noted(20), noted(21)].map((one) => one.hedge("a")), [20, 20, 21]);
  deepEqual([noted(699), noted(700), noted(701)].map((one) => one.hedge("a")), [699, 700, 700]);
});

Deno.test("A provider that was never asked counts as one of 250 ms", () => {
  const latencies = noted(1);
  deepEqual([latencies.typical("b"), latencies.hedge("b")], [250, 250]);
});

Deno.test("Latencies keeps the last 64 unwraps of each provider", () => {
  const latencies = noted(...Array<number>(32).fill(100), ...Array<number>(32).fill(200));
  equal(latencies.typical("a"), 200);
  latencies.note("a", 50);
  equal(latencies.typical("a"), 200, "one of the 100 ms is gone: 1 + 31 and 32");
  latencies.note("a", 50);
  latencies.note("b", 1);
  equal(latencies.typical("a"), 200);
  for (let i = 0; i < 30; i++) latencies.note("a", 50);
  equal(latencies.typical("a"), 200, "32 of 50 ms and 32 of 200 ms");
  latencies.note("a", 50);
  equal(latencies.typical("a"), 50, "33 of 50 ms and 31 of 200 ms");
});
