import assert from "node:assert/strict";
import { SealedRowCache } from "./sealed_row_cache.ts";

const name = (...key: readonly number[]) => ({ table: "value", key: Uint8Array.from(key) } as const);
const row = (key: number, version: number, length = 10) => ({ ...name(key), version, bytes: new Uint8Array(length) });

Deno.test("SealedRowCache.get() returns rows only if each of them, or its absence, is known", () => {
  const cache = new SealedRowCache(10_000);
  cache.set(name(1), row(1, 5));
  assert.equal(cache.get([name(1), name(2)]), undefined);
  cache.set(name(2), undefined);
  assert.deepEqual(cache.get([name(1), name(2)]), [row(1, 5), undefined]);
  assert.equal(cache.get([{ ...name(1), table: "index" }]), undefined);
  cache.set(name(1), row(1, 6));
  assert.deepEqual(cache.get([name(1)]), [row(1, 6)]);
  cache.clear();
  assert.equal(cache.get([name(1)]), undefined);
});

Deno.test("SealedRowCache.set() drops the least recently used rows above its size, and forgets a row that is too long", () => {
  const cache = new SealedRowCache(4 * 560);
  for (const key of [1, 2, 3, 4]) cache.set(name(key), row(key, 1, 100));
  cache.get([name(1)]);
  cache.set(name(5), row(5, 1, 100));
  assert.deepEqual([1, 2, 3, 4, 5].map((key) => cache.get([name(key)]) !== undefined), [true, false, true, true, true]);
  cache.set(name(5), row(5, 2, 65_537));
  assert.equal(cache.get([name(5)]), undefined);
});
