import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { ConnectionError, type ErrorName } from "./errors.ts";
import { frameFlags, frameTypes, type Http2Frame, maxPayload } from "./frames.ts";
import { HeaderBlocks, type Headers } from "./header_blocks.ts";
import { headerBlock, maxHeaderList } from "./hpack.ts";

const { END_HEADERS, END_STREAM, PADDED, PRIORITY } = frameFlags;
const block = Buffer.from(headerBlock([[":method", "POST"], [":path", "/a.B/C"], ["te", "trailers"], ["a", "b"]]));
const pairs = [[":method", "POST"], [":path", "/a.B/C"], ["te", "trailers"], ["a", "b"]];

function frame(type: keyof typeof frameTypes, flags: number, payload: Buffer, stream = 1): Http2Frame {
  const bytes = Buffer.concat([Buffer.alloc(3, 0xff), payload, Buffer.alloc(3, 0xff)]);
  return { type: frameTypes[type], flags, stream, bytes, from: 3, to: 3 + payload.length };
}

/** Checks and adds frames. Only the last one may complete a block. */
function add(blocks: HeaderBlocks, ...frames: Http2Frame[]): Headers | undefined {
  let headers: Headers | undefined;
  for (const one of frames) {
    assert.equal(headers, undefined);
    blocks.check(one);
    headers = blocks.add(one);
  }
  return headers;
}

/** A block as HEADERS and CONTINUATION frames, split at `cuts`. */
function cutUp(bytes: Buffer, cuts: readonly number[], flags = 0): Http2Frame[] {
  const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, i) => {
    const last = end === bytes.length && i === cuts.length ? END_HEADERS : 0;
    return frame(i === 0 ? "HEADERS" : "CONTINUATION", (i === 0 ? flags : 0) | last, bytes.subarray(places[i], end));
  });
}

function read(headers: Headers | undefined): unknown {
  assert.ok(headers !== undefined);
  return headers.fields.map(({ name, value }) => [name, value]);
}

function faultOf(code: ErrorName): (thrown: unknown) => boolean {
  return (thrown) => thrown instanceof ConnectionError && thrown.code === code;
}

Deno.test("HeaderBlocks.add() reads a block in any number of frames, with the flags of the first", () => {
  fc.assert(fc.property(fc.array(fc.nat(block.length), { maxLength: 6 }), fc.boolean(), (cuts, endStream) => {
    const headers = add(new HeaderBlocks(), ...cutUp(block, cuts, endStream ? END_STREAM : 0));
    assert.deepEqual(read(headers), pairs);
    assert.deepEqual({ ...headers, fields: 0 }, { stream: 1, endStream, dependsOnItself: false, fields: 0 });
  }));
});

Deno.test("HeaderBlocks.add() removes padding and priority, and reports a stream that depends on itself", () => {
  for (const [other, dependsOnItself] of [[3, false], [1, true]] as const) {
    for (const last of [END_HEADERS, 0]) {
      const payload = Buffer.concat([Buffer.of(2, 0, 0, 0, other, 16), block, Buffer.alloc(2)]);
      const frames = [frame("HEADERS", PADDED | PRIORITY | last, payload)];
      if (last === 0) frames.push(frame("CONTINUATION", END_HEADERS, Buffer.alloc(0)));
      const headers = add(new HeaderBlocks(), ...frames);
      assert.deepEqual(read(headers), pairs);
      assert.equal(headers?.dependsOnItself, dependsOnItself);
    }
  }
});

Deno.test("HeaderBlocks.add() ignores END_STREAM in CONTINUATION", () => {
  const frames = [frame("HEADERS", 0, block), frame("CONTINUATION", END_HEADERS | END_STREAM, Buffer.alloc(0))];
  assert.equal(add(new HeaderBlocks(), ...frames)?.endStream, false);
});

Deno.test("HeaderBlocks.add() keeps the dynamic table for later blocks, on any stream", () => {
  const blocks = new HeaderBlocks();
  const added = Buffer.from([0x40, 1, 0x61, 1, 0x62]);
  assert.deepEqual(read(add(blocks, ...cutUp(added, [2]))), [["a", "b"]]);
  assert.deepEqual(read(add(blocks, frame("HEADERS", END_HEADERS, Buffer.of(0xbe), 3))), [["a", "b"]]);
});

Deno.test("HeaderBlocks.check() accepts only CONTINUATION of the same stream within a block", () => {
  const names = Object.keys(frameTypes) as (keyof typeof frameTypes)[];
  const blocks = new HeaderBlocks();
  const empty = Buffer.alloc(0);
  const unknown = { ...frame("PING", 0, empty), type: 99 };
  const goesOn = frame("CONTINUATION", END_HEADERS, empty);
  const others = [unknown, ...names.map((name) => frame(name, END_HEADERS, empty))]
    .filter(({ type }) => type !== goesOn.type);
  for (let round = 0; round < 2; round++) {
    for (const other of others) blocks.check(other);
    assert.throws(() => blocks.check(goesOn), faultOf("PROTOCOL_ERROR"));
    assert.equal(add(blocks, frame("HEADERS", 0, block)), undefined);
    for (const other of others) assert.throws(() => blocks.check(other), faultOf("PROTOCOL_ERROR"));
    for (const stream of [0, 3]) {
      const elsewhere = frame("CONTINUATION", END_HEADERS, empty, stream);
      assert.throws(() => blocks.check(elsewhere), faultOf("PROTOCOL_ERROR"));
    }
    assert.deepEqual(read(add(blocks, goesOn)), pairs);
  }
});

Deno.test("HeaderBlocks.add() rejects an invalid block, in one frame or in several", () => {
  for (const cuts of [[], [1]]) {
    assert.throws(() => add(new HeaderBlocks(), ...cutUp(Buffer.of(0x82, 0x80), cuts)), faultOf("COMPRESSION_ERROR"));
  }
});

Deno.test("HeaderBlocks.add() rejects a block without an end, with full or with empty frames", () => {
  for (const payload of [Buffer.alloc(0), Buffer.alloc(1), Buffer.alloc(maxPayload)]) {
    const blocks = new HeaderBlocks();
    add(blocks, frame("HEADERS", 0, payload));
    const fill = () => {
      for (let i = 0; i <= maxHeaderList; i++) add(blocks, frame("CONTINUATION", 0, payload));
    };
    assert.throws(fill, faultOf("ENHANCE_YOUR_CALM"));
  }
});
