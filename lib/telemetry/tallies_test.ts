import { equal } from "node:assert/strict";
import fc from "fast-check";
import { Counter, Histogram, Registry } from "./prometheus.ts";
import { talliedCounter, talliedHistogram } from "./tallies.ts";

const about = { name: "calls", help: 'A help with a "quote" and a \\.', labelNames: ["api", "result"] };
const bounds = [0.1, 1, 10];
const label = fc.constantFrom("v2", "v1beta1", 'a"b', "");
const labels = fc.tuple(label, label);
const named = ([api, result]: readonly [string, string]) => ({ api, result });

Deno.test("talliedHistogram() renders what prom-client's histogram renders", async () => {
  const amount = fc.oneof(fc.constantFrom(0, 0.1, 1, 10, 11), fc.double({ min: 0, max: 20, noNaN: true }));
  await fc.assert(fc.asyncProperty(fc.array(labels), fc.array(fc.tuple(labels, amount)), async (zeros, amounts) => {
    const [ours, theirs] = [new Registry(), new Registry()];
    const [tallied, plain] = [talliedHistogram(ours, about, bounds), histogramIn(theirs)];
    for (const one of fresh(zeros)) {
      tallied.zero(one);
      plain.zero(named(one));
    }
    for (const [one, seconds] of amounts) {
      tallied.observe(one, seconds);
      plain.observe(named(one), seconds);
    }
    equal(await ours.metrics(), await theirs.metrics());
    equal(await ours.metrics(), await theirs.metrics());
  }));
});

Deno.test("talliedCounter() renders what prom-client's counter renders, however often", async () => {
  const steps = fc.array(fc.oneof(fc.tuple(labels, fc.nat(3)), fc.constant("render" as const)));
  await fc.assert(fc.asyncProperty(steps, async (steps) => {
    const [ours, theirs] = [new Registry(), new Registry()];
    const tallied = talliedCounter(ours, about);
    const plain = new Counter({ ...about, registers: [theirs] });
    for (const step of [...steps, "render" as const]) {
      if (step === "render") equal(await ours.metrics(), await theirs.metrics());
      else {
        tallied(...step);
        plain.inc(named(step[0]), step[1]);
      }
    }
  }));
});

function histogramIn(registry: Registry) {
  return new Histogram({ ...about, buckets: bounds, registers: [registry] });
}

/** Without repetitions: the other histogram forgets amounts that come before its zero. */
function fresh(zeros: readonly (readonly [string, string])[]) {
  return [...new Map(zeros.map((one) => [one.join(" "), one])).values()];
}
