import { deepEqual, equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import {
  acceptedEncodings,
  type Fault,
  faults,
  GrpcMessageReader,
  maxMessage,
  prefixSize,
  withPrefix,
} from "./message_reader.ts";

function framed(message: Uint8Array): Buffer {
  return withPrefix(Buffer.concat([Buffer.alloc(prefixSize, 0xff), message]));
}
import { statuses } from "./codes.ts";

function read(pieces: readonly Uint8Array[], encoding?: string): Buffer | Fault {
  const reader = new GrpcMessageReader(encoding);
  for (const piece of pieces) {
    const fault = reader.add(Buffer.from(piece));
    if (fault !== undefined) equal(reader.message(), fault);
  }
  return reader.message();
}

function flagged(message: Uint8Array, flag: number): Buffer {
  const frame = framed(message);
  frame[0] = flag;
  return frame;
}

Deno.test("GrpcMessageReader.message() returns the message behind a prefix, received in any pieces", () => {
  const cuts = fc.array(fc.nat(400), { maxLength: 5 });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), cuts, (message, at) => {
    const frame = framed(message);
    const places = [0, ...at.map((one) => Math.min(one, frame.length)).sort((a, b) => a - b), frame.length];
    const pieces = places.slice(1).map((end, i) => frame.subarray(places[i], end));
    deepEqual(read(pieces), Buffer.from(message));
  }));
});

Deno.test("GrpcMessageReader.message() returns the fault of any other bytes", () => {
  const whole = framed(Uint8Array.of(1, 2, 3));
  equal(read([]), "absent");
  for (let end = 1; end < whole.length; end++) equal(read([whole.subarray(0, end)]), "cut_short");
  equal(read([whole, Uint8Array.of(0)]), "too_many");
  equal(read([whole, whole]), "too_many");
  equal(read([Uint8Array.of(0, 0xff, 0xff, 0xff, 0xff, 1)]), "too_large");
  equal(read([flagged(Uint8Array.of(1), 2)]), "garbled");
});

Deno.test("GrpcMessageReader accepts the largest message, and refuses a larger one by its announced length", () => {
  const largest = read([framed(new Uint8Array(maxMessage))]);
  ok(typeof largest !== "string" && largest.length === maxMessage);
  const reader = new GrpcMessageReader();
  const head = framed(new Uint8Array(maxMessage + 1)).subarray(0, 5);
  equal(reader.add(head.subarray(0, 4)), undefined);
  equal(reader.add(head.subarray(4)), "oversized");
  ok(reader.held < 100);
  const [mebibyte, more] = [0x10_0000, 0x10_0001].map((length) => {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(length, 1);
    return read([head]);
  });
  deepEqual([mebibyte, more], ["oversized", "too_large"]);
});

Deno.test("GrpcMessageReader stores no bytes after a message, and reads at most the maximum size", () => {
  const reader = new GrpcMessageReader();
  equal(reader.add(framed(Uint8Array.of(1, 2))), undefined);
  equal(reader.add(Buffer.alloc(maxMessage - 2)), undefined);
  deepEqual([reader.held, reader.message()], [7, "too_many"]);
  equal(reader.add(Buffer.of(0)), "too_large");
});

Deno.test("GrpcMessageReader allocates at most twice the received bytes, in one buffer, for any size of pieces", () => {
  const frame = framed(new Uint8Array(maxMessage).fill(7));
  const reader = new GrpcMessageReader();
  for (let at = 0; at < frame.length; at++) {
    const piece = Buffer.from(frame.subarray(at, at + 1));
    equal(reader.add(piece), undefined);
    piece.fill(0);
    ok(reader.held <= Math.max(4096, 2 * (at + 1)), `${reader.held} bytes for ${at + 1}`);
  }
  equal(reader.held, frame.length);
  const message = reader.message();
  ok(typeof message !== "string" && message.every((byte) => byte === 7));
});

Deno.test("GrpcMessageReader stores no bytes of a refused message", () => {
  for (const bytes of [flagged(new Uint8Array(2000), 1), framed(new Uint8Array(maxMessage + 1)).subarray(0, 2000)]) {
    const reader = new GrpcMessageReader("gzip");
    ok(reader.add(bytes) !== undefined);
    equal(reader.held, 0);
  }
});

Deno.test("GrpcMessageReader refuses any compression, and a flag without a compression", () => {
  const message = flagged(Uint8Array.of(1, 2, 3), 1);
  for (const encoding of ["gzip", "deflate", "snappy", "constructor", ""]) {
    equal(read([message], encoding), "compressed", encoding);
    equal(read([message.subarray(0, 5)], encoding), "compressed", encoding);
  }
  equal(faults.compressed.status, statuses.UNIMPLEMENTED);
  equal(read([message]), "garbled");
  equal(read([message], "identity"), "garbled");
  equal(read([flagged(Uint8Array.of(1), 2)], "gzip"), "garbled");
  equal(faults.garbled.status, statuses.INTERNAL);
  deepEqual(read([framed(Uint8Array.of(9))], "gzip"), Buffer.of(9));
});

Deno.test("every fault has a reason without a full stop", () => {
  for (const { why } of Object.values(faults)) ok(/^[a-z].*[^.]$/.test(why), why);
});

Deno.test("withPrefix() writes a flag of 0, the length in four bytes, and the message", () => {
  const message = new Uint8Array(0x01_02_03).fill(7);
  deepEqual(framed(message).subarray(0, 6), Buffer.of(0, 0, 1, 2, 3, 7));
  equal(framed(message).length, message.length + 5);
});

Deno.test("GrpcMessageReader accepts messages of 96 KiB without compression", () => {
  equal(maxMessage, 98_304);
  for (const fault of ["oversized", "too_large"] as const) equal(faults[fault].why, "it is larger than 96 KiB");
  equal(acceptedEncodings, "identity");
});

Deno.test("GrpcMessageReader allocates 4 KiB at the first byte of a longer message, then doubles it", () => {
  const frame = framed(new Uint8Array(20_000));
  const reader = new GrpcMessageReader();
  const heldAt = [1, 4, 5, 6, 4096, 4097, 8192, 8193, 16_384, 16_385, frame.length].map((size, index, sizes) => {
    equal(reader.add(frame.subarray(sizes[index - 1] ?? 0, size)), undefined);
    return reader.held;
  });
  deepEqual(heldAt, [5, 5, 5, 4096, 4096, 8192, 8192, 16_384, 16_384, frame.length, frame.length]);
});

Deno.test("GrpcMessageReader allocates the size of a short message, outside the pool while it is incomplete", () => {
  const frame = framed(Uint8Array.of(1, 2, 3));
  const reader = new GrpcMessageReader();
  reader.add(frame.subarray(0, 6));
  equal(reader.held, frame.length);
  reader.add(frame.subarray(6));
  const message = reader.message();
  ok(typeof message !== "string" && message.buffer.byteLength === frame.length);
});

Deno.test("GrpcMessageReader keeps the first fault, for any later bytes", () => {
  const reader = new GrpcMessageReader();
  equal(reader.add(flagged(Uint8Array.of(1), 1)), "garbled");
  for (const piece of [Buffer.of(0, 0xff, 0xff, 0xff, 0xff), framed(Uint8Array.of(1))]) {
    equal(reader.add(piece), "garbled");
  }
  deepEqual([reader.message(), reader.held], ["garbled", 0]);
});
