import assert from "node:assert/strict";
import fc from "fast-check";
import { comparedRow, failedRow, type Pair } from "./pairs.ts";

/** Pairs of calls with these microseconds a call of ours and of the floor. */
function pairsOf(...cpu: readonly (readonly [ours: number, floor: number])[]): Pair[] {
  return cpu.map(([ours, floor]) => ({
    ours: { cpu: ours, rate: 1e6 / ours, p50: 1, p99: 2 },
    base: { cpu: 2 * ours, rate: 0.5e6 / ours, p50: 2, p99: 2 },
    floor: { cpu: floor, rate: 1e6 / floor, p50: 1, p99: 4 },
  }));
}

Deno.test("comparedRow() has the medians of the ratios of the pairs, and not the ratio of the medians", () => {
  const row = comparedRow("encrypt-16", pairsOf([10, 10], [40, 20], [30, 60]));
  assert.equal(row.ratios.cpuToFloor, 1);
  assert.equal(row.ratios.rateToFloor, 1);
  assert.equal(row.ours, 30);
  assert.equal(row.floor, 20);
  assert.deepEqual(row.pairs.map(({ ratios }) => ratios.cpuToFloor), [1, 2, 0.5]);
});

Deno.test("comparedRow() names the ratio of the main figure without the figure too", () => {
  const { ratios, base } = comparedRow("encrypt-16", pairsOf([10, 10]));
  assert.equal(ratios.toBase, 0.5);
  assert.equal(ratios.cpuToBase, 0.5);
  assert.equal(ratios.rateToBase, 2);
  assert.equal(ratios.p50ToBase, 0.5);
  assert.equal(ratios.p99ToFloor, 0.5);
  assert.equal(base, 20);
});

Deno.test("comparedRow() a side that a row does not have is null and has no ratio", () => {
  const row = comparedRow("encrypt-16", pairsOf([10, 10]));
  assert.equal(row.peer, null);
  assert.deepEqual(Object.keys(row.ratios).filter((name) => name.endsWith("Peer")), []);
});

Deno.test("comparedRow() a bound is reached up to its value, and a missed one is named", () => {
  assert.deepEqual(comparedRow("encrypt-16", pairsOf([10, 10])).missed, []);
  assert.equal(comparedRow("encrypt-16", pairsOf([10, 10])).reached, true);
  const slow = comparedRow("encrypt-16", pairsOf([11, 10]));
  assert.deepEqual(slow.missed, ["cpuToFloor", "rateToFloor"]);
  assert.equal(slow.reached, false);
});

Deno.test("comparedRow() bounds a figure of ours beside its ratios", () => {
  const pair = (resident: number, aboveIdle: number): Pair => ({
    ours: { resident, aboveIdle },
    base: { resident: 100, aboveIdle: 50 },
  });
  assert.deepEqual(comparedRow("rss-after-500000-minute", [pair(60, 10)]).missed, []);
  assert.deepEqual(comparedRow("rss-after-500000-minute", [pair(60, 10.5)]).missed, ["aboveIdle"]);
  assert.deepEqual(comparedRow("rss-after-500000-minute", [pair(61, 9)]).missed, ["toBase"]);
});

Deno.test("comparedRow() a ratio to a figure that is not positive is left out, and its target is missed", () => {
  const pairs: Pair[] = [
    { ours: { aboveEmpty: 20 }, base: { aboveEmpty: 100 } },
    { ours: { aboveEmpty: 20 }, base: { aboveEmpty: -1 } },
  ];
  for (const taken of [pairs, pairs.toReversed()]) {
    const row = comparedRow("version", taken);
    assert.equal(row.ratios.toBase, undefined);
    assert.deepEqual(row.missed, ["toBase"]);
  }
});

Deno.test("comparedRow() names the other plugin of a row with one", () => {
  assert.equal(comparedRow("decrypt-uncached-1", [], "a stand-in").peerName, "a stand-in");
  assert.equal("peerName" in comparedRow("encrypt-1", pairsOf([1, 1])), false);
});

Deno.test("failedRow() reaches no target and gives the reason", () => {
  const row = failedRow("encrypt-16", "Cannot start it.");
  assert.deepEqual(row.missed, ["cpuToFloor", "rateToFloor"]);
  assert.equal(row.ours, null);
  assert.equal(row.failure, "Cannot start it.");
});

Deno.test("comparedRow() a median of ratios is one of them, with as many below as above", () => {
  const figure = fc.double({ min: 0.1, max: 1000, noNaN: true });
  const odd = fc.array(fc.tuple(figure, figure), { minLength: 1, maxLength: 9 }).filter(({ length }) =>
    length % 2 === 1
  );
  fc.assert(fc.property(odd, (cpu) => {
    const { ratios: { cpuToFloor = NaN }, pairs } = comparedRow("encrypt-16", pairsOf(...cpu));
    const all = pairs.map(({ ratios }) => ratios.cpuToFloor ?? NaN);
    assert.ok(all.includes(cpuToFloor));
    const half = (all.length - 1) / 2;
    assert.ok(all.filter((one) => one < cpuToFloor).length <= half);
    assert.ok(all.filter((one) => one > cpuToFloor).length <= half);
  }));
});
