import { deepEqual, equal, ok, throws } from "node:assert/strict";
import fc from "fast-check";
import { assertDistribution, farthest, uniform } from "../../../../tests/support/binomial.ts";
import { withRandom } from "../../../../tests/support/fixed_random.ts";
import { log2Of, shuffled, uniformBelow, uniformBigBelow } from "./random.ts";

const upTo = (limit: number) => Array.from({ length: limit }, (_, at) => at);

/** The number that is made of a byte, or `undefined` if another byte is drawn in its place. */
function firstDraw(byte: number, limit: number): number | undefined {
  try {
    return withRandom([Uint8Array.of(byte)], () => uniformBelow(limit));
  } catch {
    return undefined;
  }
}

Deno.test("uniformBelow() takes each value from as many draws as any other, for every limit of one byte", () => {
  for (const limit of [2, 3, 5, 10, 62, 94, 128, 129, 200, 255, 256]) {
    const counts = new Map<number, number>();
    for (const byte of upTo(256)) {
      const value = firstDraw(byte, limit);
      if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + 1);
    }
    deepEqual([...counts.keys()].toSorted((a, b) => a - b), upTo(limit), `${limit}`);
    equal(new Set(counts.values()).size, 1, `${limit}: each as often`);
  }
});

Deno.test("uniformBigBelow() draws as many bits as the limit needs, and draws again what is too large", () => {
  equal(withRandom([], () => uniformBigBelow(1n)), 0n);
  equal(withRandom([Uint8Array.of(0xff)], () => uniformBigBelow(2n)), 1n);
  // 9 bits of two bytes: 0x1ff is too large, 0x0ff is not, and the upper bits do not count.
  equal(withRandom([Uint8Array.of(0x01, 0xff), Uint8Array.of(0xfe, 0xff)], () => uniformBigBelow(257n)), 255n);
  equal(withRandom([new Uint8Array(105).fill(0xff)], () => uniformBigBelow(2n ** 840n)), 2n ** 840n - 1n);
});

Deno.test("uniformBelow() is uniform", () => {
  for (const limit of [2, 10, 62, 7776]) {
    assertDistribution(Array.from({ length: 100_000 }, () => uniformBelow(limit)), uniform(upTo(limit)));
  }
});

Deno.test("assertDistribution() finds the bias of a remainder", () => {
  const bytes = [1, 2, 3, 4].flatMap(() => [...crypto.getRandomValues(new Uint8Array(60_000))]);
  const biased = bytes.map((byte) => byte % 62);
  throws(() => assertDistribution(biased, uniform(upTo(62))), /allowed/);
  ok(farthest(100_000, 1 / 62, 62) < 500);
});

Deno.test("shuffled() gives every order with the same probability", () => {
  const orders = ["abc", "acb", "bac", "bca", "cab", "cba"];
  assertDistribution(Array.from({ length: 60_000 }, () => shuffled([..."abc"]).join("")), uniform(orders));
  deepEqual(shuffled([]), []);
});

Deno.test("log2Of() is the logarithm of small and of huge numbers", () => {
  equal(log2Of(1n), 0);
  equal(log2Of(2n ** 4000n), 4000);
  fc.assert(fc.property(fc.bigInt({ min: 1n, max: 2n ** 52n }), (value) => {
    equal(log2Of(value), Math.log2(Number(value)));
    ok(Math.abs(log2Of(value * 3n ** 900n) - Math.log2(Number(value)) - 900 * Math.log2(3)) < 1e-9);
  }));
});
