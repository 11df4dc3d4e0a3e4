import assert from "node:assert/strict";
import fc from "fast-check";
import {
  base64,
  base64url,
  beginsWith,
  ByteReader,
  ByteWriter,
  compareTexts,
  concat,
  equalBytes,
  exactText,
  fieldSize,
  fromBase64,
  fromBase64url,
  hex,
  lengthPrefixed,
  sameBytes,
  sha256,
  sha256Hex,
  uint16,
  utf8,
  utf8Text,
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

Deno.test("ByteWriter encodes a lone surrogate as UTF-8 does, and numbers in big-endian order", () => {
  const writer = new ByteWriter(fieldSize("\ud800") + 5).field("\ud800").uint8(7).uint32(0xdeadbeef);
  assert.deepEqual(writer.written(), concat(lengthPrefixed(utf8("\ud800")), Uint8Array.of(7, 0xde, 0xad, 0xbe, 0xef)));
});

Deno.test("ByteWriter never writes past its buffer", () => {
  assert.throws(() => new ByteWriter(3).bytes(new Uint8Array(4)), RangeError);
  assert.throws(() => new ByteWriter(3).uint32(1), RangeError);
});

Deno.test("sha256Hex() is sha256() in hexadecimal", () => {
  fc.assert(fc.property(bytes, (value) => assert.equal(sha256Hex(value), hex(sha256(value)))));
});

Deno.test("beginsWith() is true exactly for the beginnings", () => {
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
  assert.deepEqual([["a", "a"], ["a", "b"], ["b", "a"]].map(([a = "", b = ""]) => compareTexts(a, b)), [
    0,
    -1,
    1,
  ]);
});

const broken = [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0x61, 0x80, 0x62]];

Deno.test("utf8Text() and exactText() read what utf8() wrote, and no bytes that are not UTF-8", () => {
  fc.assert(fc.property(texts.filter((text) => text.isWellFormed() && !text.startsWith("\ufeff")), (text) => {
    assert.deepEqual([utf8Text(utf8(text)), exactText(utf8(text))], [text, text]);
  }));
  for (const one of broken) {
    assert.deepEqual([utf8Text, exactText].map((read) => read(Uint8Array.from(one))), [undefined, undefined]);
  }
});

Deno.test("utf8Text() leaves out a byte order mark, and exactText() keeps it", () => {
  const marked = utf8("\ufeffa");
  assert.deepEqual([utf8Text(marked), exactText(marked)], ["a", "\ufeffa"]);
});

Deno.test("uint16() and lengthPrefixed() are big-endian", () => {
  assert.deepEqual(uint16(0x1234), Uint8Array.of(0x12, 0x34));
  const fields = lengthPrefixed(new Uint8Array(0x0102).fill(7), Uint8Array.of(8));
  assert.deepEqual([fields.length, ...fields.subarray(0, 5)], [4 + 0x0102 + 5, 0, 0, 1, 2, 7]);
  assert.deepEqual([...fields.subarray(-5)], [0, 0, 0, 1, 8]);
});

Deno.test("equalBytes() compares length and content", () => {
  const a = Uint8Array.of(1, 2);
  const others = [a.slice(), Uint8Array.of(1, 3), Uint8Array.of(1), Uint8Array.of(1, 2, 0), new Uint8Array(0)];
  assert.deepEqual(others.map((other) => equalBytes(a, other)), [true, false, false, false, false]);
});

Deno.test("sameBytes() compares length and content", () => {
  const a = Uint8Array.of(1, 2);
  const others = [a.slice(), Uint8Array.of(1, 3), Uint8Array.of(1), Uint8Array.of(1, 2, 0), new Uint8Array(0)];
  assert.deepEqual(others.map((other) => sameBytes(a, other)), [true, false, false, false, false]);
});

Deno.test("fromBase64() and fromBase64url() take the one spelling that base64() and base64url() write", () => {
  fc.assert(fc.property(bytes, (value) => {
    assert.deepEqual([fromBase64(base64(value)), fromBase64url(base64url(value))], [value, value]);
  }));
  const whole = Uint8Array.of(9, 0xfb, 0xff, 0xfe, 9);
  assert.deepEqual([base64(whole.subarray(1, 4)), base64url(whole.subarray(1, 4))], ["+//+", "-__-"]);
  for (const text of ["QUI", "QUJ=", "QU I=", "QUI=\n", "-__-", "="]) assert.equal(fromBase64(text), undefined, text);
  for (const text of ["QUI=", "QUJ", "QU I", "+//+"]) assert.equal(fromBase64url(text), undefined, text);
});

Deno.test("ByteReader reads fields in order, from the middle of a buffer too", () => {
  const whole = Uint8Array.of(9, 1, 0x12, 0x34, 0, 2, 5, 6, 1, 7, 3, 4, 9);
  const reader = new ByteReader(whole.subarray(1, -1));
  assert.deepEqual([reader.uint8(), reader.uint16(), reader.field16(), reader.field8()], [
    1,
    0x1234,
    Uint8Array.of(5, 6),
    Uint8Array.of(7),
  ]);
  assert.equal(reader.done, false);
  const rest = reader.rest();
  assert.deepEqual([rest, rest?.buffer === whole.buffer, reader.done], [Uint8Array.of(3, 4), true, true]);
  assert.deepEqual(reader.rest(), new Uint8Array(0));
  assert.equal(reader.done, true);
});

Deno.test("ByteReader gives nothing past the end, and nothing after that", () => {
  const reads: readonly ((reader: ByteReader) => unknown)[] = [
    (reader) => reader.take(3),
    (reader) => reader.field8(),
    (reader) => reader.field16(),
  ];
  for (const read of reads) {
    const reader = new ByteReader(Uint8Array.of(3, 1));
    assert.equal(read(reader), undefined);
    assert.deepEqual([reader.uint8(), reader.uint16(), reader.rest(), reader.take(0), reader.done], [
      undefined,
      undefined,
      undefined,
      undefined,
      false,
    ]);
  }
  const one = new ByteReader(Uint8Array.of(3));
  assert.deepEqual([one.uint16(), one.uint8()], [undefined, undefined]);
  assert.equal(new ByteReader(new Uint8Array(0)).uint8(), undefined);
});

Deno.test("fieldSize() is what bytes take, and what a text of three bytes for each unit takes", () => {
  fc.assert(fc.property(bytes, (value) => assert.equal(fieldSize(value), lengthPrefixed(value).length)));
  assert.equal(fieldSize("€€"), lengthPrefixed(utf8("€€")).length);
});

Deno.test("sameBytes() compares length and content", () => {
  const bytes = Uint8Array.of(1, 2, 3);
  assert.deepEqual(
    [[1, 2, 3], [1, 2], [1, 2, 4], [1, 2, 3, 0]].map((other) => sameBytes(bytes, Uint8Array.from(other))),
    [true, false, false, false],
  );
});
