/**
 * The plugin under loads of well-formed calls, with a good client beside each: others' calls are answered meanwhile, and
 * memory stays bounded and is given back.
 *
 * Bounds that time or memory have are four times as wide here as they are promised: the machine is busy. The benchmark
 * holds the figures beside the bounds themselves.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  bounds,
  describePressure,
  type LoadName,
  loads,
  measurePressure,
  residentLater,
  slower,
} from "../support/pressure.ts";
import { printFigure } from "./harness/figures.ts";
import { Node } from "./harness/plugin.ts";
import { setUp } from "./harness/providers.ts";

/** Milliseconds: a p99 below it is a matter of luck. */
const leastP99 = 1;

/** Milliseconds: as long as kube-apiserver waits for a call. */
const mostMs = 3_000;

Deno.test("loads of well-formed calls slow other calls by a bounded factor, and their memory is released", async () => {
  await using stack = new AsyncDisposableStack();
  const measured = [];
  // One after the other, each on a process of its own; their rests of a minute overlap.
  for (const name of Object.keys(loads) as LoadName[]) {
    const node = stack.use(await Node.make());
    const providers = stack.use(await setUp("local", node));
    const plugin = stack.use(await node.start({ providers: providers.entries }));
    const subject = { socket: node.socket, pid: plugin.process.pid };
    measured.push({ name, subject, pressure: await measurePressure(subject, name) });
  }
  const judged = [];
  for (const { name, subject, pressure } of measured) {
    const laterMb = await residentLater(subject, pressure);
    printFigure(`load of ${name}`, describePressure(pressure, laterMb));
    judged.push({ name, pressure, laterMb });
  }
  for (const { name, pressure: { alone, beside, load, idleMb, heightMb }, laterMb } of judged) {
    assert.ok(beside.calls >= 100 && load.calls >= 200, `${name}: too few calls were made to judge by`);
    assert.deepEqual([alone.failure, beside.failure, load.failure], [undefined, undefined, undefined], name);
    const times = beside.p99 / Math.max(leastP99, alone.p99);
    assert.ok(times <= 4 * (slower[name] ?? Infinity), `${name}: another's p99 is ${times.toFixed(1)} times as long`);
    assert.ok(beside.slowest <= mostMs, `${name}: a call of another connection took ${beside.slowest.toFixed(0)} ms`);
    // Memory does not hang on how busy the machine is as time does: it has twice its bound.
    assert.ok(heightMb <= 2 * bounds.heightMb, `${name}: ${heightMb.toFixed(0)} MB resident`);
    assert.ok(laterMb <= idleMb + 2 * bounds.aboveIdleMb, `${name}: ${laterMb.toFixed(0)} MB a minute later`);
  }
});
