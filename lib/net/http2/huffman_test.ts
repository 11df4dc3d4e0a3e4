import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { ConnectionError } from "./errors.ts";
import { huffmanCodes, huffmanText } from "./huffman.ts";

const endOfString = 256;
const symbols = Array.from({ length: 256 }, (_, symbol) => symbol);
const codes = huffmanCodes.map(({ code, bits }) => code.toString(2).padStart(bits, "0"));

/** The bits of a string as "0" and "1", without the padding of its last byte. */
function bitsOf(bytes: Iterable<number>): string {
  return [...bytes].map((symbol) => codes[symbol] ?? "").join("");
}

function packed(bits: string): Buffer {
  const filled = bits.padEnd(Math.ceil(bits.length / 8) * 8, "1");
  return Buffer.from((filled.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)));
}

function read(bytes: Buffer): string {
  return huffmanText(bytes, 0, bytes.length);
}

function refused(bits: string): void {
  assert.throws(() => read(packed(bits)), isCompressionError, bits);
}

function isCompressionError(thrown: unknown): boolean {
  return thrown instanceof ConnectionError && thrown.code === "COMPRESSION_ERROR";
}

Deno.test("huffmanCodes is complete: every sequence of bits begins exactly one text", () => {
  assert.equal(huffmanCodes.length, 257);
  assert.equal(huffmanCodes.reduce((sum, { bits }) => sum + 2 ** (30 - bits), 0), 2 ** 30);
  const sorted = codes.toSorted();
  sorted.slice(1).forEach((code, i) => assert.ok(!code.startsWith(sorted[i] ?? ""), code));
  assert.equal(codes[endOfString], "1".repeat(30));
});

Deno.test("huffmanText() decodes every symbol, alone and after every other length of code", () => {
  const lengths = [...new Set(codes.map((code) => code.length))];
  const before = lengths.map((length) => codes.findIndex((code) => code.length === length));
  for (const symbol of symbols) {
    assert.equal(read(packed(bitsOf([symbol]))), String.fromCharCode(symbol));
    for (const first of before.filter((one) => one !== endOfString)) {
      assert.equal(read(packed(bitsOf([first, symbol]))), String.fromCharCode(first, symbol));
    }
  }
});

for (
  const [text, encoded] of [
    ["", ""],
    ["www.example.com", "f1e3c2e5f23a6ba0ab90f4ff"],
    ["no-cache", "a8eb10649cbf"],
    ["custom-key", "25a849e95ba97d7f"],
    ["custom-value", "25a849e95bb8e8b4bf"],
    ["302", "6402"],
    ["private", "aec3771a4b"],
    ["Mon, 21 Oct 2013 20:13:21 GMT", "d07abe941054d444a8200595040b8166e082a62d1bff"],
  ] as const
) {
  Deno.test(`huffmanText() decodes "${text}" as RFC 7541 does`, () => {
    assert.equal(read(Buffer.from(encoded, "hex")), text);
    assert.equal(packed(bitsOf(Buffer.from(text))).toString("hex"), encoded);
  });
}

Deno.test("huffmanText() restores any bytes, and reads nothing around them", () => {
  const bytes = fc.uint8Array({ maxLength: 80 });
  fc.assert(fc.property(bytes, bytes, bytes, (before, sent, after) => {
    const encoded = packed(bitsOf(sent));
    const around = Buffer.concat([before, encoded, after]);
    const text = huffmanText(around, before.length, before.length + encoded.length);
    assert.equal(text, Buffer.from(sent).toString("latin1"));
  }));
});

Deno.test("huffmanText() decodes bytes only to the text that encodes to them, or rejects them", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
      let text;
      try {
        text = read(Buffer.from(bytes));
      } catch (thrown) {
        return void assert.ok(isCompressionError(thrown), String(thrown));
      }
      assert.deepEqual(packed(bitsOf(Buffer.from(text, "latin1"))), Buffer.from(bytes));
    }),
    { numRuns: 3000 },
  );
});

Deno.test("huffmanText() rejects EOS at any position", () => {
  const end = codes[endOfString] ?? "";
  refused(end);
  for (const symbol of symbols) {
    refused(bitsOf([symbol]) + end);
    refused(end + bitsOf([symbol]));
    refused(bitsOf([symbol]) + end + bitsOf([0x61]));
  }
});

Deno.test("huffmanText() rejects padding of a byte or more", () => {
  refused("1".repeat(8));
  for (const symbol of symbols) {
    const whole = packed(bitsOf([symbol])).toString("hex");
    for (const more of ["ff", "ffff", "ffffff"]) {
      assert.throws(() => read(Buffer.from(whole + more, "hex")), isCompressionError, `${whole} ${more}`);
    }
  }
});

Deno.test("huffmanText() rejects padding with a zero bit", () => {
  for (const symbol of symbols) {
    const bits = bitsOf([symbol]);
    const room = (8 - bits.length % 8) % 8;
    for (let filling = 0; filling < 2 ** room - 1; filling++) {
      const filled = filling.toString(2).padStart(room, "0");
      // Five bits and more can be a symbol.
      if (!codes.some((code) => filled.startsWith(code))) refused(bits + filled);
    }
  }
});

Deno.test("huffmanText() rejects a string whose last code lacks a byte", () => {
  for (const symbol of symbols) {
    const whole = packed(bitsOf([symbol]));
    for (let at = 1; at < whole.length; at++) {
      assert.throws(() => read(whole.subarray(0, at)), isCompressionError, `${symbol} ${at}`);
    }
  }
});
