import { deepEqual, equal } from "node:assert/strict";
import * as fc from "fast-check";
import { hex, utf8 } from "../../base/bytes.ts";
import { halfSipHash, KeySet } from "./key_set.ts";

Deno.test("KeySet.add() tells new keys as a Set of texts does", () => {
  const key = fc.oneof(fc.uint8Array({ maxLength: 3 }), fc.uint8Array({ maxLength: 80 }));
  fc.assert(fc.property(fc.array(key, { maxLength: 60 }), (keys) => {
    const [ours, theirs] = [new KeySet(), new Set<string>()];
    for (const one of keys) {
      const isNew = !theirs.has(hex(one));
      theirs.add(hex(one));
      equal(ours.add(one), isNew);
    }
    equal(ours.size, theirs.size);
  }));
});

Deno.test("KeySet keeps copies of many keys, also of one that is longer than a block", () => {
  const keys = new KeySet();
  const long = new Uint8Array(300 << 10).fill(7);
  equal(keys.add(long), true);
  const count = 20_000;
  const buffer = new Uint8Array(64);
  for (const expected of [true, false]) {
    for (let at = 0; at < count; at++) {
      const text = utf8(`/registry/secrets/ns-${at % 20}/secret-${at}`);
      buffer.set(text);
      equal(keys.add(buffer.subarray(0, text.length)), expected);
    }
  }
  deepEqual([keys.add(long), keys.add(long.subarray(1)), keys.size], [false, true, count + 2]);
});

Deno.test("halfSipHash() gives the values of HalfSipHash-1-3 for the first eight messages", () => {
  const key = new Uint32Array([0x03020100, 0x07060504]);
  const message = Uint8Array.from({ length: 8 }, (_, at) => at);
  const expected = [
    0x5814c896,
    0xe7e864ca,
    0xbc4b0e30,
    0x01539939,
    0x7e059ea6,
    0x88e3d89b,
    0xa0080b65,
    0x9d38d9d6,
  ];
  deepEqual(expected.map((_, length) => halfSipHash(message.subarray(0, length), key)), expected);
});
