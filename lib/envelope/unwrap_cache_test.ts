import assert from "node:assert/strict";
import fc from "fast-check";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import type { Event } from "../telemetry/events.ts";
import { UnwrapCache } from "./unwrap_cache.ts";

const limits = { entries: 3, maxAgeMs: 1_000, graceOnOutageMs: 5_000, lifetimeMs: 10_000 };

function setUp() {
  const clock = new FakeClock();
  const events: Event[] = [];
  const cache = new UnwrapCache(limits, clock, (event) => events.push(event));
  const put = (reference: string) => cache.put(reference, { dek: new Uint8Array(32), holders: [], own: false });
  const told = () => events.splice(0).map((event) => event.type === "cache_size" ? event.entries : event.type);
  return { clock, cache, put, told, events };
}

Deno.test("UnwrapCache#put() drops the least recently used, and tells its size only when that has changed", () => {
  const { cache, put, told } = setUp();
  for (const reference of ["a", "b", "c"]) put(reference);
  assert.deepEqual(told(), [1, 2, 3]);
  cache.get("a");
  put("d");
  assert.deepEqual(told(), ["cache_evicted"]);
  assert.deepEqual(["a", "b", "c", "d"].map((reference) => cache.get(reference) !== undefined), [
    true,
    false,
    true,
    true,
  ]);
  put("d");
  assert.deepEqual(told(), []);
});

Deno.test("UnwrapCache#get() keeps the order of use, whichever entry is read twice, dropped or put again", () => {
  const action = fc.tuple(fc.constantFrom("get", "put", "drop"), fc.constantFrom("a", "b", "c", "d", "e"));
  fc.assert(fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
    const { cache, put } = setUp();
    let order: string[] = [];
    for (const [verb, reference] of actions) {
      const known = order.includes(reference);
      if (verb === "get") assert.equal(cache.get(reference) !== undefined, known);
      if (verb === "put") put(reference);
      if (verb === "drop") cache.drop(reference, "refused");
      if (known || verb === "put") order = order.filter((one) => one !== reference);
      if (verb !== "drop" && (known || verb === "put")) order = [...order, reference].slice(-limits.entries);
    }
    assert.deepEqual(["a", "b", "c", "d", "e"].filter((one) => cache.peek(one)), order.toSorted());
  }));
});

Deno.test("UnwrapCache#drop() tells the new size once, and nothing of what is not there", () => {
  const { cache, put, told } = setUp();
  put("a");
  told();
  cache.drop("b", "refused");
  assert.deepEqual(told(), []);
  cache.drop("a", "refused");
  assert.deepEqual(told(), ["cache_evicted", 0]);
});

Deno.test("UnwrapCache wipes the kept seeds of a data key that goes, and gives them out no more", () => {
  const ways: readonly ((stage: ReturnType<typeof setUp>) => void)[] = [
    ({ cache }) => cache.drop("a", "refused"),
    ({ cache }) => cache[Symbol.dispose](),
    ({ put }) => put("a"),
  ];
  for (const way of ways) {
    const stage = setUp();
    const { cache, put } = stage;
    put("a");
    const { seeds } = cache.get("a") ?? assert.fail("it is there");
    const seed = new Uint8Array(32).fill(7);
    seeds.set("x", seed);
    way(stage);
    assert.deepEqual([seed, seeds.size], [new Uint8Array(32), 0]);
  }
});

Deno.test("UnwrapCache#get() forgets what no KMS has confirmed for its lifetime", async () => {
  const { clock, cache, put, told } = setUp();
  put("a");
  await clock.advance(limits.lifetimeMs);
  assert.ok(cache.get("a"));
  await clock.advance(1);
  assert.equal(cache.get("a"), undefined);
  assert.deepEqual(told(), [1, "cache_evicted", 0]);
});

Deno.test("UnwrapCache tells why a data key went", async () => {
  const { clock, cache, put, events } = setUp();
  for (const reference of ["a", "b", "c", "d"]) put(reference);
  cache.drop("b", "refused");
  await clock.advance(limits.lifetimeMs + 1);
  cache.get("c");
  const evicted = events.flatMap((event) => event.type === "cache_evicted" ? [[event.reference, event.reason]] : []);
  assert.deepEqual(evicted, [["a", "lru"], ["b", "refused"], ["c", "age"]]);
});

Deno.test("UnwrapCache#put() of a reference that is there makes it the youngest, and confirms it", async () => {
  const { clock, cache, put } = setUp();
  put("a");
  await clock.advance(limits.lifetimeMs);
  for (const reference of ["b", "c", "a", "d"]) put(reference);
  assert.equal(cache.get("b"), undefined);
  await clock.advance(limits.lifetimeMs);
  assert.ok(cache.get("a"));
});

Deno.test("UnwrapCache#isFresh() holds for maxAge", async () => {
  const { clock, cache, put } = setUp();
  const entry = put("a");
  await clock.advance(limits.maxAgeMs);
  assert.equal(cache.isFresh(entry), true);
  await clock.advance(1);
  assert.equal(cache.isFresh(entry), false);
});

Deno.test("UnwrapCache#mayServeOn() holds for the grace since the KMS's last good answer or the entry's own", async () => {
  const { clock, cache, put } = setUp();
  const entry = put("a");
  const later = entry.confirmedAt + 3;
  await clock.advance(limits.graceOnOutageMs - 1);
  assert.deepEqual([-Infinity, later].map((at) => cache.mayServeStale(entry, at)), [true, true]);
  await clock.advance(1);
  assert.deepEqual([-Infinity, later].map((at) => cache.mayServeStale(entry, at)), [false, true]);
  await clock.advance(3);
  assert.equal(cache.mayServeStale(entry, later), false);
});

Deno.test("UnwrapCache wipes its data keys when it is disposed of", () => {
  const { cache } = setUp();
  const { dek } = cache.put("a", { dek: new Uint8Array(32).fill(7), holders: [], own: false });
  cache[Symbol.dispose]();
  assert.deepEqual(dek, new Uint8Array(32));
  assert.equal(cache.peek("a"), undefined);
});
