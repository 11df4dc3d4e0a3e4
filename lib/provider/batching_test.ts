import assert from "node:assert/strict";
import fc from "fast-check";
import { KmsError } from "../base/errors.ts";
import type { Event } from "../telemetry/events.ts";
import { timeoutReason } from "../base/deadline.ts";
import { afterThisTurn, Batcher } from "./batching.ts";

interface Sent {
  readonly items: readonly number[];
  readonly signal: AbortSignal;
  readonly answer: (outcomes: readonly (string | KmsError)[]) => void;
  readonly fail: (error: unknown) => void;
}

const atOnce = (send: () => void) => send();

function setUp(size = 4, inFlight = 2, soon = atOnce) {
  const sent: Sent[] = [];
  const events: Event[] = [];
  const batcher = new Batcher<number, string>({
    provider: "vault-eu",
    verb: "unwrap",
    size,
    inFlight,
    send: (items, signal) =>
      new Promise((answer, fail) => {
        sent.push({ items, signal, answer, fail });
      }),
    notify: (event) => events.push(event),
    soon,
  });
  return { batcher, sent, events };
}

const never = new AbortController().signal;
const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

/** A request that must have been sent. */
function at(sent: readonly Sent[], index: number): Sent {
  const found = sent[index];
  assert(found !== undefined, `request ${index} was not sent`);
  return found;
}

const code = (expected: string) => (error: unknown) => error instanceof KmsError && error.code === expected;

Deno.test("call() sends a lone item at once", async () => {
  const { batcher, sent } = setUp();
  const outcome = batcher.call(7, never);
  assert.deepEqual(at(sent, 0).items, [7]);
  at(sent, 0).answer(["seven"]);
  assert.equal(await outcome, "seven");
});

Deno.test("call() sends the calls of one turn of the event loop as one request, at the end of that turn", async () => {
  const { batcher, sent } = setUp(4, 2, afterThisTurn);
  const outcomes = [1, 2].map((item) => batcher.call(item, never));
  const later = new Promise<void>((resolve) => setImmediate(resolve));
  await Promise.resolve();
  outcomes.push(batcher.call(3, never));
  assert.equal(sent.length, 0);
  await later;
  assert.deepEqual(sent.map(({ items }) => items), [[1, 2, 3]]);
  const lone = batcher.call(4, never);
  await new Promise<void>((resolve) => setImmediate(resolve));
  assert.deepEqual(at(sent, 1).items, [4]);
  at(sent, 0).answer(["one", "two", "three"]);
  at(sent, 1).answer(["four"]);
  assert.deepEqual(await Promise.all([...outcomes, lone]), ["one", "two", "three", "four"]);
});

Deno.test("call() divides waiting items among the requests that can be sent, in shares of 32 or more", async () => {
  const sizes = async (waiting: number) => {
    const { batcher, sent } = setUp(128, 4, afterThisTurn);
    const outcomes = Array.from({ length: waiting }, (_, item) => batcher.call(item, never));
    await new Promise<void>((resolve) => setImmediate(resolve));
    const sent1 = sent.map(({ items }) => items.length);
    for (const { items, answer } of sent) answer(items.map(String));
    for (let at = sent1.length; sent.length > 0 && at < waiting / 32 + 1; at++) {
      await settled();
      for (const { items, answer } of sent) answer(items.map(String));
    }
    assert.deepEqual(await Promise.all(outcomes), outcomes.map((_, item) => `${item}`));
    return sent1;
  };
  assert.deepEqual(await sizes(20), [20]);
  assert.deepEqual(await sizes(40), [32, 8]);
  assert.deepEqual(await sizes(200), [50, 50, 50, 50]);
  assert.deepEqual(await sizes(1000), [128, 128, 128, 128]);
});

Deno.test("call() sends nothing if all callers of one turn have gone by its end", async () => {
  const { batcher, sent, events } = setUp(4, 2, afterThisTurn);
  const leaving = new AbortController();
  const outcome = batcher.call(1, leaving.signal);
  leaving.abort();
  await assert.rejects(outcome, code("cancelled"));
  await settled();
  assert.equal(sent.length, 0);
  assert.deepEqual(events, []);
  const next = batcher.call(2, never);
  await settled();
  at(sent, 0).answer(["two"]);
  assert.equal(await next, "two");
});

Deno.test("call() does not wait for further items if each item is a request of its own", async () => {
  const { batcher, sent } = setUp(1, 2, () => assert.fail("gathered"));
  const outcome = batcher.call(1, never);
  at(sent, 0).answer(["one"]);
  assert.equal(await outcome, "one");
});

Deno.test("call() batches items that arrive while all requests are in flight", async () => {
  const { batcher, sent, events } = setUp();
  const outcomes = [1, 2, 3, 4, 5].map((item) => batcher.call(item, never));
  assert.deepEqual(sent.map(({ items }) => items), [[1], [2]]);
  at(sent, 0).answer(["one"]);
  await settled();
  assert.deepEqual(at(sent, 2).items, [3, 4, 5]);
  at(sent, 1).answer(["two"]);
  at(sent, 2).answer(["three", "four", "five"]);
  assert.deepEqual(await Promise.all(outcomes), ["one", "two", "three", "four", "five"]);
  assert.deepEqual(events.flatMap((event) => event.type === "batch" ? [event.size] : []), [1, 1, 3]);
  assert.deepEqual(events.flatMap((event) => event.type === "queue" ? [event.waiting] : []), [1, 2, 3, 0]);
});

Deno.test("call() never sends more items at once than allowed", async () => {
  const { batcher, sent } = setUp(2, 1);
  const outcomes = [1, 2, 3, 4].map((item) => batcher.call(item, never));
  for (const expected of [[1], [2, 3], [4]]) {
    const request = at(sent, sent.length - 1);
    assert.deepEqual(request.items, expected);
    request.answer(expected.map(String));
    await settled();
  }
  assert.deepEqual(await Promise.all(outcomes), ["1", "2", "3", "4"]);
});

Deno.test("call() gives an item its own error and the others their results", async () => {
  const { batcher, sent } = setUp(4, 1);
  void batcher.call(0, never);
  const outcomes = Promise.allSettled([1, 2, 3].map((item) => batcher.call(item, never)));
  at(sent, 0).answer(["zero"]);
  await settled();
  at(sent, 1).answer(["one", new KmsError("integrity", "Cannot unwrap: bad bytes."), "three"]);
  const [one, two, three] = await outcomes;
  assert.deepEqual([one?.status, two?.status, three?.status], ["fulfilled", "rejected", "fulfilled"]);
  assert(two?.status === "rejected" && code("integrity")(two.reason));
});

Deno.test("call() rejects all items of a failed request, and continues with the next", async () => {
  const { batcher, sent } = setUp(4, 1);
  const first = batcher.call(1, never);
  const second = batcher.call(2, never);
  at(sent, 0).fail(new KmsError("unreachable", "Cannot unwrap: Vault is away."));
  await assert.rejects(first, code("unreachable"));
  await settled();
  at(sent, 1).answer(["two"]);
  assert.equal(await second, "two");
});

Deno.test("call() refuses an answer with too few outcomes", async () => {
  const { batcher, sent } = setUp();
  const outcome = batcher.call(1, never);
  at(sent, 0).answer([]);
  await assert.rejects(outcome, code("provider_protocol"));
});

Deno.test("call() drops a queued item whose signal is aborted", async () => {
  const { batcher, sent } = setUp(4, 1);
  const first = batcher.call(1, never);
  const leaving = new AbortController();
  const second = batcher.call(2, leaving.signal);
  const third = batcher.call(3, never);
  leaving.abort(timeoutReason());
  await assert.rejects(second, code("deadline_exceeded"));
  at(sent, 0).answer(["one"]);
  await first;
  await settled();
  assert.deepEqual(at(sent, 1).items, [3]);
  at(sent, 1).answer(["three"]);
  assert.equal(await third, "three");
});

Deno.test("call() aborts a request only when the callers of all its items have gone", async () => {
  const { batcher, sent } = setUp(4, 1);
  void batcher.call(0, never);
  const [one, two] = [new AbortController(), new AbortController()];
  const outcomes = [batcher.call(1, one.signal), batcher.call(2, two.signal)];
  at(sent, 0).answer(["zero"]);
  await settled();
  const both = Promise.all(outcomes.map((outcome) => assert.rejects(outcome, code("cancelled"))));
  one.abort();
  assert.equal(at(sent, 1).signal.aborted, false);
  two.abort();
  assert.equal(at(sent, 1).signal.aborted, true);
  await both;
  at(sent, 1).fail(new KmsError("cancelled", "Cannot unwrap: the caller gave up."));
  await settled();
});

Deno.test("call() sends nothing if the signal is already aborted", async () => {
  const { batcher, sent } = setUp();
  await assert.rejects(batcher.call(1, AbortSignal.abort()), code("cancelled"));
  assert.equal(sent.length, 0);
});

Deno.test("call() gives every item exactly its own outcome, in any interleaving", async () => {
  await fc.assert(fc.asyncProperty(
    fc.integer({ min: 1, max: 5 }),
    fc.integer({ min: 1, max: 3 }),
    fc.array(fc.boolean(), { maxLength: 40 }),
    fc.infiniteStream(fc.nat(5)),
    fc.constantFrom(atOnce, afterThisTurn),
    async (size, inFlight, leaves, choices, soon) => {
      let flying = 0;
      const batcher = new Batcher<number, string>({
        provider: "vault-eu",
        verb: "wrap",
        size,
        inFlight,
        send: async (items) => {
          flying++;
          assert(flying <= inFlight && items.length <= size && items.length > 0);
          for (let turns = choices.next().value; turns > 0; turns--) await Promise.resolve();
          flying--;
          return items.map((item) => item % 3 === 0 ? new KmsError("integrity", `${item}`) : `${item}`);
        },
        notify: () => {},
        soon,
      });
      const outcomes = await Promise.allSettled(leaves.map((leave, item) => {
        const controller = new AbortController();
        const outcome = batcher.call(item, controller.signal);
        if (leave) queueMicrotask(() => controller.abort());
        return outcome;
      }));
      outcomes.forEach((outcome, item) => {
        if (outcome.status === "fulfilled") assert(outcome.value === `${item}` && item % 3 !== 0);
        else if (outcome.reason.code === "integrity") assert.equal(outcome.reason.message, `${item}`);
        else assert(leaves[item] && outcome.reason.code === "cancelled");
      });
    },
  ));
});
