import assert from "node:assert/strict";
import fc from "fast-check";
import { formatDuration, parseDuration } from "./duration.ts";

Deno.test("parseDuration() takes a whole number and a unit", () => {
  const expected = { "500ms": 500, "75s": 75_000, "10m": 600_000, "24h": 86_400_000, "7d": 604_800_000, "0s": 0 };
  for (const [text, ms] of Object.entries(expected)) assert.equal(parseDuration(text), ms, text);
});

Deno.test("parseDuration() refuses everything else", () => {
  for (
    const text of [
      "",
      "10",
      "m",
      "1.5h",
      "-1s",
      "+1s",
      "1h30m",
      "10 m",
      " 10m",
      "10m\n",
      "010s",
      "10M",
      "1e3s",
      "9999999999s",
    ]
  ) {
    assert.equal(parseDuration(text), undefined, JSON.stringify(text));
  }
});

Deno.test("parseDuration() is the inverse of formatDuration()", () => {
  fc.assert(fc.property(fc.nat({ max: 999_999_999 }), (ms) => assert.equal(parseDuration(formatDuration(ms)), ms)));
});

Deno.test("formatDuration() uses the largest unit that fits", () => {
  assert.deepEqual([0, 1, 1500, 75_000, 600_000, 86_400_000].map(formatDuration), [
    "0s",
    "1ms",
    "1500ms",
    "75s",
    "10m",
    "1d",
  ]);
});
