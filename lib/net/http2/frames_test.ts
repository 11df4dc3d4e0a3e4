import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { ConnectionError, type ErrorName, http2ErrorCodes } from "./errors.ts";
import { frameFlags, FrameSplitter, frameTypes, FrameWriter, maxPayload, preface } from "./frames.ts";

/** A frame by itself, with its payload in hexadecimal. */
interface Plain {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: string;
}

const lastStream = 2 ** 31 - 1;

/** Splits a connection's bytes into frames; the bytes arrive in pieces that end at `cuts`. */
function split(bytes: Buffer, cuts: readonly number[] = []): Plain[] {
  const frames: Plain[] = [];
  const splitter = new FrameSplitter();
  const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
  // Each piece is a copy, so that no frame can see bytes of a later piece.
  places.slice(1).forEach((end, i) => {
    splitter.add(Buffer.from(bytes.subarray(places[i], end)));
    for (let frame = splitter.next(); frame !== undefined; frame = splitter.next()) {
      const { type, flags, stream, bytes, from, to } = frame;
      frames.push({ type, flags, stream, payload: bytes.toString("hex", from, to) });
    }
  });
  return frames;
}

function encoded({ type, flags, stream, payload }: Plain, reserved = 0): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length / 2, 0, 3);
  head.set([type, flags], 3);
  head.writeUInt32BE(stream + reserved * 2 ** 31, 5);
  return Buffer.concat([head, Buffer.from(payload, "hex")]);
}

function faultOf(code: ErrorName): (thrown: unknown) => boolean {
  return (thrown) => thrown instanceof ConnectionError && thrown.code === code;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const payload = fc.oneof(
  { weight: 9, arbitrary: fc.uint8Array({ maxLength: 60 }) },
  { weight: 1, arbitrary: fc.constantFrom(maxPayload - 1, maxPayload).map((length) => new Uint8Array(length).fill(7)) },
);
const stream = fc.oneof(fc.nat(9), fc.nat(lastStream));
const byte = fc.nat(255);

Deno.test("FrameSplitter.next() returns the same frames for any cuts, and ignores the reserved bit", () => {
  const frame = fc.record({ type: byte, flags: byte, stream, payload: payload.map(hex), reserved: fc.nat(1) });
  const cuts = fc.array(fc.oneof(fc.nat(40), fc.nat(400)), { maxLength: 12 });
  fc.assert(fc.property(fc.array(frame, { maxLength: 6 }), cuts, (sent, at) => {
    const bytes = Buffer.concat([preface, ...sent.map((one) => encoded(one, one.reserved))]);
    const expected = sent.map(({ type, flags, stream, payload }) => ({ type, flags, stream, payload }));
    assert.deepEqual(split(bytes, at), expected);
    if (bytes.length < 400) assert.deepEqual(split(bytes, [...bytes.keys()]), expected);
  }));
});

Deno.test("FrameSplitter.next() keeps an incomplete frame", () => {
  const frame = { type: 0, flags: 1, stream: 1, payload: "616263" };
  const bytes = Buffer.concat([preface, encoded(frame)]);
  for (let at = 0; at < bytes.length; at++) assert.deepEqual(split(bytes.subarray(0, at)), []);
  assert.deepEqual(split(bytes), [frame]);
});

Deno.test("FrameSplitter.next() keeps a copy of an incomplete frame, and nothing else of the read", () => {
  const read = Buffer.concat([preface, encoded({ type: 0, flags: 0, stream: 1, payload: "00".repeat(300) })]);
  const splitter = new FrameSplitter();
  splitter.add(read.subarray(0, read.length - 1));
  assert.equal(splitter.next(), undefined);
  const last = read.subarray(-1);
  read.fill(0xff, 0, read.length - 1);
  splitter.add(last);
  const frame = splitter.next();
  assert.equal(frame?.bytes.toString("hex", frame.from, frame.to), "00".repeat(300));
});

Deno.test("FrameSplitter.next() returns one frame at a time, and continues when more bytes arrive", () => {
  const sent = ["01", "02", "03"].map((payload) => ({ type: 0, flags: 0, stream: 1, payload }));
  const splitter = new FrameSplitter();
  splitter.add(Buffer.concat([preface, ...sent.slice(0, 2).map((one) => encoded(one))]));
  const payloads = [splitter.next()];
  splitter.add(encoded({ type: 0, flags: 0, stream: 1, payload: "03" }));
  payloads.push(splitter.next(), splitter.next(), splitter.next());
  assert.deepEqual(payloads.map((one) => one?.bytes[one.from]), [1, 2, 3, undefined]);
});

Deno.test("FrameSplitter.next() rejects a wrong preface at its first differing byte", () => {
  preface.forEach((one, at) => {
    const other = Buffer.from(preface).fill(one ^ 1, at, at + 1);
    assert.throws(() => split(other), faultOf("PROTOCOL_ERROR"));
    assert.throws(() => split(other.subarray(0, at + 1)), faultOf("PROTOCOL_ERROR"));
    assert.throws(() => split(other, [...other.keys()]), faultOf("PROTOCOL_ERROR"));
    assert.deepEqual(split(other.subarray(0, at)), []);
  });
  assert.throws(() => split(Buffer.from("GET / HTTP/1.1\r\n\r\n")), faultOf("PROTOCOL_ERROR"));
});

Deno.test("FrameSplitter.next() accepts payloads of 16384 bytes, and rejects larger ones before they have arrived", () => {
  const largest = { type: 0, flags: 0, stream: 1, payload: "00".repeat(maxPayload) };
  assert.deepEqual(split(Buffer.concat([preface, encoded(largest)])), [largest]);
  for (const length of [maxPayload + 1, 2 ** 24 - 1]) {
    const head = Buffer.alloc(9);
    head.writeUIntBE(length, 0, 3);
    const bytes = Buffer.concat([preface, head]);
    assert.throws(() => split(bytes), faultOf("FRAME_SIZE_ERROR"));
    assert.throws(() => split(bytes, [...bytes.keys()]), faultOf("FRAME_SIZE_ERROR"));
  }
});

/** A call of a writer, and the frame that it writes. */
interface Written {
  readonly write: (writer: FrameWriter) => void;
  readonly expected: readonly Plain[];
}

function one(
  write: Written["write"],
  type: keyof typeof frameTypes,
  stream: number,
  payload: string,
  flags = 0,
): Written {
  return { write, expected: [{ type: frameTypes[type], flags, stream, payload }] };
}

const uint32 = (value: number) => value.toString(16).padStart(8, "0");
const number = fc.oneof(fc.nat(9), fc.nat(lastStream));
const code = fc.constantFrom(...Object.keys(http2ErrorCodes) as ErrorName[]);
const type = fc.constantFrom(...Object.keys(frameTypes) as (keyof typeof frameTypes)[]);
const setting = fc.tuple(fc.nat(65_535), number);

const written: fc.Arbitrary<Written> = fc.oneof(
  fc.tuple(type, byte, stream, payload).map(([type, flags, stream, bytes]) =>
    one((writer) => writer.frame(type, flags, stream, bytes), type, stream, hex(bytes), flags)
  ),
  fc.tuple(stream, payload, fc.nat(20), fc.nat(20)).map(([stream, bytes, from, length]) => {
    const [begin, end] = [Math.min(from, bytes.length), Math.min(from + length, bytes.length)];
    const part = hex(bytes.subarray(begin, end));
    return one((writer) => writer.frame("DATA", 0, stream, bytes, begin, end), "DATA", stream, part);
  }),
  fc.tuple(stream, payload, fc.boolean()).map(([stream, block, last]) =>
    one((writer) => writer.headers(stream, block, last), "HEADERS", stream, hex(block), last ? 5 : 4)
  ),
  fc.array(setting, { maxLength: 4 }).map((settings) => {
    const payload = settings.map(([id, value]) => uint32(id).slice(4) + uint32(value)).join("");
    return one((writer) => writer.settings(settings), "SETTINGS", 0, payload);
  }),
  fc.tuple(stream, code).map(([stream, code]) =>
    one((writer) => writer.resetStream(stream, code), "RST_STREAM", stream, uint32(http2ErrorCodes[code]))
  ),
  fc.tuple(stream, number).map(([stream, more]) =>
    one((writer) => writer.windowUpdate(stream, more), "WINDOW_UPDATE", stream, uint32(more))
  ),
  fc.tuple(number, code, fc.string({ unit: "grapheme", maxLength: 20 })).map(([last, code, why]) => {
    const payload = uint32(last) + uint32(http2ErrorCodes[code]) + hex(Buffer.from(why));
    return one((writer) => writer.goAway(last, code, why), "GOAWAY", 0, payload);
  }),
);

Deno.test("FrameWriter writes frames that FrameSplitter reads, and calls onFilled once per take()", () => {
  fc.assert(fc.property(fc.array(fc.array(written, { maxLength: 8 }), { maxLength: 4 }), (rounds) => {
    let calls = 0;
    const writer = new FrameWriter(() => calls++);
    const taken = rounds.map((round) => {
      calls = 0;
      for (const { write } of round) write(writer);
      assert.equal(calls, round.length === 0 ? 0 : 1);
      const bytes = writer.take();
      assert.equal(bytes === undefined, round.length === 0);
      return bytes ?? Buffer.alloc(0);
    });
    assert.equal(writer.take(), undefined);
    // Read at the end, since taken bytes must not change later.
    const expected = rounds.flat().flatMap((one) => one.expected);
    assert.deepEqual(split(Buffer.concat([preface, ...taken])), expected);
  }));
});

Deno.test("FrameWriter grows for any frame, also if its buffer is exactly full or a byte too small", () => {
  for (let length = 2000; length < 2060; length++) {
    const writer = new FrameWriter(() => {});
    const frames = [2, length, length].map((size) => ({ type: 0, flags: 0, stream: 1, payload: "ab".repeat(size) }));
    for (const { payload } of frames) writer.frame("DATA", 0, 1, Buffer.from(payload, "hex"));
    writer.resetStream(1, "CANCEL");
    const end = { type: frameTypes.RST_STREAM, flags: 0, stream: 1, payload: "00000008" };
    assert.deepEqual(split(Buffer.concat([preface, writer.take() ?? Buffer.alloc(0)])), [...frames, end]);
  }
});

for (const length of [0, 1, maxPayload, maxPayload + 1, 2 * maxPayload, 2 * maxPayload + 1, 5 * maxPayload - 1]) {
  for (const endStream of [false, true]) {
    Deno.test(`FrameWriter.headers() splits ${length} bytes, ${endStream ? "with" : "without"} END_STREAM`, () => {
      const block = Buffer.from(Uint8Array.from({ length }, (_, at) => at * 31));
      const writer = new FrameWriter(() => {});
      writer.headers(3, block, endStream);
      const frames = split(Buffer.concat([preface, writer.take() ?? Buffer.alloc(0)]));
      assert.equal(frames.map(({ payload }) => payload).join(""), hex(block));
      assert.equal(frames.length, Math.max(1, Math.ceil(length / maxPayload)));
      frames.forEach(({ type, flags, stream }, i) => {
        assert.equal(stream, 3);
        assert.equal(type, i === 0 ? frameTypes.HEADERS : frameTypes.CONTINUATION);
        const ends = i === frames.length - 1 ? frameFlags.END_HEADERS : 0;
        assert.equal(flags, ends | (i === 0 && endStream ? frameFlags.END_STREAM : 0));
      });
    });
  }
}
