import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import * as fc from "fast-check";
import { workInOrder } from "./ordered_work.ts";

Deno.test("workInOrder() accepts every result in the order of the items, whatever order they end in", async () => {
  const items = fc.array(fc.nat(3), { maxLength: 30 });
  await fc.assert(fc.asyncProperty(items, fc.integer({ min: 1, max: 8 }), async (turns, width) => {
    const accepted: number[] = [];
    let [running, most] = [0, 0];
    await workInOrder([...turns.keys()], width, async (item) => {
      most = Math.max(most, ++running);
      for (let turn = 0; turn < (turns[item] ?? 0); turn++) await Promise.resolve();
      running--;
      return item * 2;
    }, (item, result) => {
      equal(result, item * 2);
      accepted.push(item);
    });
    deepEqual(accepted, [...turns.keys()]);
    ok(most <= width);
  }));
});

Deno.test("workInOrder() begins nothing after a failure, and accepts nothing behind it", async () => {
  const [begun, accepted]: [number[], number[]] = [[], []];
  const waiting = Promise.withResolvers<void>();
  const work = workInOrder([...Array(20).keys()], 4, async (item) => {
    begun.push(item);
    if (item === 2) throw new Error("no");
    if (item > 0) await waiting.promise;
  }, (item) => void accepted.push(item));
  waiting.resolve();
  await rejects(work, /^Error: no$/);
  deepEqual(accepted, [0, 1]);
  ok(begun.length <= 6, `${begun}`);
});

Deno.test("workInOrder() takes items as they come, and leaves their source after a failure", async () => {
  const ended: string[] = [];
  async function* source(): AsyncGenerator<number> {
    try {
      for (let item = 0; item < 100; item++) {
        await Promise.resolve();
        if (item === 60) throw new Error("source");
        yield item;
      }
    } finally {
      ended.push("left");
    }
  }
  const accepted: number[] = [];
  const accept = (item: number) => void accepted.push(item);
  await rejects(workInOrder(source(), 8, () => Promise.resolve(), accept), /^Error: source$/);
  deepEqual(accepted, [...Array(60).keys()]);
  const fails = (item: number) => item === 5 ? Promise.reject(new Error("work")) : Promise.resolve();
  await rejects(workInOrder(source(), 8, fails, () => {}), /^Error: work$/);
  deepEqual(ended, ["left", "left"]);
});

Deno.test("workInOrder() ends when a result is not accepted", async () => {
  const begun: number[] = [];
  const work = workInOrder([...Array(20).keys()], 2, (item) => {
    begun.push(item);
    return Promise.resolve();
  }, () => {
    throw new Error("broken");
  });
  await rejects(work, /^Error: broken$/);
  ok(begun.length <= 4, `${begun}`);
});

Deno.test("workInOrder() accepts nothing after a result that is not accepted, though others are in progress", async () => {
  const [begun, accepted]: [number[], number[]] = [[], []];
  const [first, others] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const work = workInOrder([...Array(20).keys()], 8, async (item) => {
    begun.push(item);
    if (item === 7) first.resolve();
    await (item > 2 ? others : first).promise;
  }, (item) => {
    if (item !== 2) return void accepted.push(item);
    // The other workers end after this failure.
    setTimeout(others.resolve, 0);
    throw new Error("broken");
  });
  await rejects(work, /^Error: broken$/);
  ok(begun.length >= 8, `${begun}`);
  deepEqual(accepted, [0, 1]);
});
