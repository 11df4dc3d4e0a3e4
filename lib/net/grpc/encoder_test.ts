import { deepEqual, equal } from "node:assert/strict";
import fc from "fast-check";
import protobuf from "protobufjs";
import { encoderOf } from "./encoder.ts";

const proto = `syntax = "proto3"; package t;
message Inner { string text = 1; bytes data = 2; }
message Outer {
  bytes late = 300; string text = 1; bytes data = 2; Inner inner = 20000;
  map<string, bytes> parts = 4; map<string, string> words = 5;
}`;
const { root } = protobuf.parse(proto, { keepCase: true });
const type = root.resolveAll().lookupType("t.Outer");
const encode = encoderOf(type);

const text = fc.oneof(fc.string({ unit: "binary", maxLength: 200 }), fc.string({ minLength: 60, maxLength: 70 }));
const data = fc.uint8Array({ maxLength: 300 });
const parts = { maxKeys: 4, noNullPrototype: true } as const;
const message = fc.record({
  late: data,
  text,
  data,
  inner: fc.record({ text, data }, { requiredKeys: [] }),
  parts: fc.dictionary(text.filter((key) => key !== "__proto__"), data, parts),
  words: fc.dictionary(text.filter((key) => key !== "__proto__"), text, parts),
}, { requiredKeys: [] });

Deno.test("encoderOf() writes the bytes that the library writes", () => {
  fc.assert(fc.property(message, (sent) => {
    deepEqual(new Uint8Array(encode(sent)), new Uint8Array(type.encode(sent).finish()));
  }));
});

Deno.test("encoderOf() leaves room in front of the message and nothing behind it", () => {
  fc.assert(fc.property(message, fc.nat(9), (sent, headroom) => {
    deepEqual(new Uint8Array(encode(sent, headroom).subarray(headroom)), new Uint8Array(encode(sent)));
  }));
});

Deno.test("encoderOf() writes a frozen map as often as it is sent, and sees each change of another one", () => {
  fc.assert(fc.property(message, fc.nat(9), (sent, headroom) => {
    const frozen = { ...sent, parts: Object.freeze({ ...sent.parts }), words: Object.freeze({ ...sent.words }) };
    const expected = new Uint8Array(type.encode(frozen).finish());
    for (let time = 0; time < 3; time++) {
      deepEqual(new Uint8Array(encode(frozen, headroom).subarray(headroom)), expected);
    }
    const words: Record<string, string> = { ...sent.words };
    for (const added of ["a", "b"]) {
      words[added] = added;
      deepEqual(new Uint8Array(encode({ words })), new Uint8Array(type.encode({ words }).finish()));
    }
  }));
});

Deno.test("encoderOf() leaves out what is undefined or null, and writes what is empty", () => {
  equal(encode({ text: undefined, data: null }).length, 0);
  deepEqual([...encode({ text: "", data: new Uint8Array(0) })], [0x0a, 0, 0x12, 0]);
});

Deno.test("encoderOf() writes lengths around the limits of a varint's bytes", () => {
  for (const length of [0, 1, 63, 64, 65, 127, 128, 16_383, 16_384, 70_000]) {
    for (
      const sent of [{ text: "a".repeat(length) }, { data: new Uint8Array(length) }, { text: "\u00e9".repeat(length) }]
    ) {
      deepEqual(new Uint8Array(encode(sent)), new Uint8Array(type.encode(sent).finish()));
    }
  }
});
