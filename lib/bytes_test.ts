import assert from "node:assert/strict";
import fc from "fast-check";
import {
  beginsWith,
  ByteWriter,
  compareTexts,
  concat,
  fieldSize,
  hex,
  lengthPrefixed,
  sha256,
  sha256Hex,
  utf8,
} from "./bytes.ts";

const texts = fc.string({ unit: "binary", maxLength: 60 });
const bytes = fc.uint8Array({ maxLength: 60 });

Deno.test("ByteWriter.field() writes texts and bytes as lengthPrefixed() does, within fieldSize()", () => {
  fc.assert(fc.property(fc.array(fc.oneof(texts, bytes), { maxLength: 6 }), (fields) => {
    const writer = new ByteWriter(fields.reduce<number>((sum, field) => sum + fieldSize(field), 0));
    for (const field of fields) writer.field(field);
    const expected = lengthPrefixed(...fields.map((field) => typeof field === "string" ? utf8(field) : field));
    assert.deepEqual(writer.written(), expected);
  }));
});

Deno.test("ByteWriter writes a lone surrogate as UTF-8 does, and numbers big-endian", () => {
  const writer = new ByteWriter(fieldSize("\ud800") + 5).field("\ud800").uint8(7).uint32(0xdeadbeef);
  assert.deepEqual(writer.written(), concat(lengthPrefixed(utf8("\ud800")), Uint8Array.of(7, 0xde, 0xad, 0xbe, 0xef)));
});

Deno.test("ByteWriter never writes past what it was allotted", () => {
  assert.throws(() => new ByteWriter(3).bytes(new Uint8Array(4)), RangeError);
  assert.throws(() => new ByteWriter(3).uint32(1), RangeError);
});

Deno.test("sha256Hex() is sha256() in hexadecimal", () => {
  fc.assert(fc.property(bytes, (value) => assert.equal(sha256Hex(value), hex(sha256(value)))));
});

Deno.test("beginsWith() is true for every beginning and for nothing else", () => {
  fc.assert(fc.property(bytes, bytes, (first, rest) => {
    const whole = concat(first, rest);
    assert.ok(beginsWith(whole, first));
    assert.ok(!beginsWith(first, concat(whole, Uint8Array.of(0))));
    for (let at = 0; at < first.length; at++) {
      const flipped = first.slice();
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      assert.ok(!beginsWith(whole, flipped));
    }
  }));
});

Deno.test("compareTexts() orders by code units", () => {
  assert.deepEqual(["b", "a", "", "ab", "B", "\uffff", "\ud83d\ude00"].sort(compareTexts), [
    "",
    "B",
    "a",
    "ab",
    "b",
    "\ud83d\ude00",
    "\uffff",
  ]);
  assert.deepEqual([["a", "a"], ["a", "b"], ["b", "a"]].map(([a = "", b = ""]) => Math.sign(compareTexts(a, b))), [
    0,
    -1,
    1,
  ]);
});
