import { deepEqual, equal } from "node:assert/strict";
import { everyAppended, everyCut, everyFlip, flipped, spread } from "./changes.ts";

const bytes = Uint8Array.of(1, 2, 3);

Deno.test("flipped() changes one byte of a copy", () => {
  deepEqual(flipped(bytes, 1, 0x80), Uint8Array.of(1, 0x82, 3));
  deepEqual(bytes, Uint8Array.of(1, 2, 3));
});

Deno.test("everyFlip(), everyCut() and everyAppended() return the described changes, and never the original bytes", () => {
  equal(everyFlip(bytes, [1, 0x20]).length, 6);
  deepEqual(everyCut(bytes).map(({ bytes: { length } }) => length), [0, 1, 2]);
  deepEqual(everyAppended(bytes, [9]).map((one) => one.bytes), [Uint8Array.of(1, 2, 3, 9)]);
  const all = [...everyFlip(bytes, [1, 0x20]), ...everyCut(bytes), ...everyAppended(bytes, [0])];
  equal(new Set([`${bytes}`, ...all.map((one) => `${one.bytes}`)]).size, all.length + 1);
});

Deno.test("spread() returns at most the given number, starting with the first, without duplicates", () => {
  const list = Array.from({ length: 100 }, (_, index) => index);
  deepEqual(spread(list, 100), list);
  const some = spread(list, 7);
  deepEqual([some.length, some[0], new Set(some).size], [7, 0, 7]);
  equal((some.at(-1) ?? 0) > 80, true);
});
