import assert from "node:assert/strict";
import { inTurn, pairOf, pairText, rotated } from "./comparison.ts";

const sides = { ours: 1, base: 2, floor: 3 };

Deno.test("rotated() begins with another side each time", () => {
  const orders = [0, 1, 2, 3].map((index) => rotated(index, sides).map(([name]) => name).join(" "));
  assert.deepEqual(orders, ["ours base floor", "base floor ours", "floor ours base", "ours base floor"]);
});

Deno.test("inTurn() measures the sides one after the other and returns them in one order", async () => {
  const order: string[] = [];
  let running = 0;
  const pair = await inTurn(1, sides, async (side, name) => {
    assert.equal(running++, 0);
    order.push(name);
    await Promise.resolve();
    running--;
    return { cpu: side };
  });
  assert.deepEqual(order, ["base", "floor", "ours"]);
  assert.deepEqual(Object.entries(pair), [["ours", { cpu: 1 }], ["base", { cpu: 2 }], ["floor", { cpu: 3 }]]);
});

Deno.test("pairOf() refuses a pair without our figures", () => {
  assert.throws(() => pairOf(["base"], new Map([["base", { cpu: 1 }]])), /without our figures/);
});

Deno.test("pairText() prints every figure of a pair", () => {
  const pair = { ours: { cpu: 33.125, rate: 21034 }, floor: { cpu: 30, rate: 33000 } };
  assert.equal(
    pairText("encrypt-16", 0, 7, pair),
    "encrypt-16, pair 1 of 7: ours cpu 33.13, rate 21034; floor cpu 30.00, rate 33000",
  );
});
