import { deepEqual, equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { deflateSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { type Fault, faults, framed, FrameReader } from "./frame.ts";

const mebibyte = 1 << 20;

function read(pieces: readonly Uint8Array[], encoding?: string): Buffer | Fault {
  const reader = new FrameReader();
  for (const piece of pieces) ok(reader.add(Buffer.from(piece)));
  return reader.message(encoding);
}

function flagged(message: Uint8Array, flag: number): Buffer {
  const frame = framed(message);
  frame[0] = flag;
  return frame;
}

Deno.test("FrameReader.message() gives back what framed() was given, in whatever pieces it comes", () => {
  const cuts = fc.array(fc.nat(400), { maxLength: 5 });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), cuts, (message, at) => {
    const frame = framed(message);
    const places = [0, ...at.map((one) => Math.min(one, frame.length)).sort((a, b) => a - b), frame.length];
    const pieces = places.slice(1).map((end, i) => frame.subarray(places[i], end));
    deepEqual(read(pieces), Buffer.from(message));
  }));
});

Deno.test("FrameReader.message() names what is wrong with every other run of bytes", () => {
  const whole = framed(Uint8Array.of(1, 2, 3));
  equal(read([]), "absent");
  for (let end = 1; end < whole.length; end++) equal(read([whole.subarray(0, end)]), "cut_short");
  equal(read([whole, Uint8Array.of(0)]), "too_many");
  equal(read([whole, whole]), "too_many");
  equal(read([Uint8Array.of(0, 0xff, 0xff, 0xff, 0xff, 1)]), "too_large");
  equal(read([flagged(Uint8Array.of(1), 2)]), "garbled");
});

Deno.test("FrameReader takes a mebibyte and not a byte more, and says so before everything has come", () => {
  const largest = read([framed(new Uint8Array(mebibyte))]);
  ok(typeof largest !== "string" && largest.length === mebibyte);
  const reader = new FrameReader();
  ok(reader.add(framed(new Uint8Array(mebibyte))));
  ok(!reader.add(Buffer.of(0)));
});

Deno.test("FrameReader.message() reads what is compressed as it says, up to a mebibyte", () => {
  const message = new Uint8Array(mebibyte).fill(7);
  deepEqual(read([flagged(gzipSync(message), 1)], "gzip"), Buffer.from(message));
  deepEqual(read([flagged(deflateSync(message), 1)], "deflate"), Buffer.from(message));
  const bomb = gzipSync(new Uint8Array(mebibyte + 1));
  equal(read([flagged(bomb, 1)], "gzip"), "too_large");
});

Deno.test("FrameReader.message() refuses what is not compressed as it says", () => {
  const compressed = gzipSync(Uint8Array.of(1, 2, 3));
  equal(read([flagged(compressed, 1)]), "garbled");
  equal(read([flagged(compressed, 1)], "identity"), "garbled");
  equal(read([flagged(compressed, 1)], "deflate"), "garbled");
  equal(read([flagged(compressed.subarray(0, 8), 1)], "gzip"), "garbled");
  for (const encoding of ["snappy", "constructor", ""]) {
    equal(read([flagged(compressed, 1)], encoding), "unknown_encoding", encoding);
  }
  deepEqual(read([framed(Uint8Array.of(9))], "gzip"), Buffer.of(9));
});

Deno.test("every fault has half a sentence", () => {
  for (const { why } of Object.values(faults)) ok(/^[a-z].*[^.]$/.test(why), why);
});
