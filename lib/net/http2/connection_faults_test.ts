import { deepEqual, equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { budgets } from "./budget.ts";
import { Connection, maxIdleFrames } from "./connection.ts";
import type { http2ErrorCodes } from "./errors.ts";
import { frameTypes, preface, settingIds } from "./frames.ts";
import { headerBlock } from "./hpack.ts";
import { maxStreams } from "./stream_table.ts";
import { windows } from "./windows.ts";
import { END_HEADERS, END_STREAM, nothing, options, reply, request, Wire } from "../../../tests/support/http2_wire.ts";

/** Frames that make no progress. */
const idle: Record<string, (wire: Wire) => void> = {
  PING: ({ client }) => client.frame("PING", 0, 0, new Uint8Array(8)),
  SETTINGS: ({ client }) => client.settings([[settingIds.INITIAL_WINDOW_SIZE, 1]]),
  PRIORITY: ({ client }) => client.frame("PRIORITY", 0, 9, Uint8Array.of(0, 0, 0, 3, 1)),
  WINDOW_UPDATE: ({ client }) => client.windowUpdate(0, 1),
  "empty DATA": ({ client }) => client.frame("DATA", 0, 1, nothing),
};

for (const [name, send] of Object.entries(idle)) {
  Deno.test(`Connection accepts ${maxIdleFrames} frames without progress, and not one ${name} more`, () => {
    const wire = new Wire();
    wire.client.frame("HEADERS", END_HEADERS, 1, request);
    // The first SETTINGS counts as one.
    for (let at = 1; at < maxIdleFrames; at++) send(wire);
    wire.say();
    ok(!wire.ended);
    send(wire);
    wire.say();
    deepEqual([wire.ended, wire.received().at(-1)], [true, "GOAWAY 1 ENHANCE_YOUR_CALM"]);
  });
}

Deno.test("Connection restarts the count of frames without progress after a response", () => {
  const wire = new Wire((stream) => ({ data: () => 0, end: () => stream.answer(reply) }));
  for (const stream of [1, 3]) {
    for (let at = 1; at < maxIdleFrames; at++) wire.client.frame("PRIORITY", 0, 9, Uint8Array.of(0, 0, 0, 3, 1));
    wire.call(stream);
  }
  ok(!wire.ended);
});

Deno.test("Connection ends on WINDOW_UPDATE for an idle stream, also with increment 0", () => {
  for (const increment of [0, 1]) {
    const wire = new Wire();
    wire.client.windowUpdate(9, increment);
    wire.say();
    deepEqual(wire.received(), ["GOAWAY 0 PROTOCOL_ERROR"]);
  }
});

Deno.test("Connection ends on an internal error and reports it", () => {
  const mistake = new TypeError("ours");
  const wire = new Wire((stream) => {
    if (stream.id === 3) throw mistake;
    return { data: () => 0, end() {} };
  });
  wire.call(1);
  wire.call(3);
  deepEqual([wire.received(), wire.ended, wire.bugs], [["GOAWAY 3 INTERNAL_ERROR"], true, [mistake]]);
  ok(wire.streams.every(({ closed }) => closed));
});

Deno.test("Connection refuses one stream more than it announced, with a code that permits a retry", () => {
  const wire = new Wire();
  for (let at = 0; at <= maxStreams; at++) wire.call(2 * at + 1);
  deepEqual(wire.received(), [`RST_STREAM ${2 * maxStreams + 1} REFUSED_STREAM`]);
  wire.streams[7]?.answer(reply);
  wire.call(2 * maxStreams + 3);
  equal(wire.events.at(-1), `${2 * maxStreams + 3} end`);
});

Deno.test("Connection resets one stream for a stream error, and continues the others", () => {
  const bad = {
    "a header in capitals": headerBlock([[":method", "POST"], [":scheme", "http"], [":path", "/"], ["Te", "trailers"]]),
    "no path": headerBlock([[":method", "POST"], [":scheme", "http"]]),
    "no length": headerBlock([[":method", "POST"], [":scheme", "http"], [":path", "/"], ["content-length", "many"]]),
    "another length": headerBlock([[":method", "POST"], [":scheme", "http"], [":path", "/"], ["content-length", "7"]]),
  };
  for (const [what, block] of Object.entries(bad)) {
    const wire = new Wire();
    wire.call(1);
    wire.frame("HEADERS", END_HEADERS | END_STREAM, 3, block);
    deepEqual(wire.received(), ["RST_STREAM 3 PROTOCOL_ERROR"], what);
    wire.streams[0]?.answer(reply);
    deepEqual(wire.received(), ["HEADERS 1", "DATA 1 pong", "HEADERS 1 end"], what);
  }
});

Deno.test("Connection ends with a GOAWAY and its reason on a connection error", () => {
  const faults: Record<string, [(wire: Wire) => void, keyof typeof http2ErrorCodes]> = {
    "headers on stream 0": [(wire) => wire.frame("HEADERS", END_HEADERS, 0, request), "PROTOCOL_ERROR"],
    "headers on an even stream": [(wire) => wire.frame("HEADERS", END_HEADERS, 2, request), "PROTOCOL_ERROR"],
    "a block that is none": [(wire) => wire.frame("HEADERS", END_HEADERS, 3, Uint8Array.of(0x80)), "COMPRESSION_ERROR"],
    "a block broken off": [(wire) => {
      wire.frame("HEADERS", 0, 3, request);
      wire.frame("PING", 0, 0, new Uint8Array(8));
    }, "PROTOCOL_ERROR"],
    "a block that never ends": [(wire) => {
      wire.frame("HEADERS", 0, 3, request);
      for (let at = 0; at < 70_000 && !wire.ended; at++) wire.frame("CONTINUATION", 0, 3);
    }, "ENHANCE_YOUR_CALM"],
    "a body on a stream that has not begun": [(wire) => wire.frame("DATA", 0, 9), "PROTOCOL_ERROR"],
    "a push": [(wire) => wire.frame("PUSH_PROMISE", END_HEADERS, 1, request), "PROTOCOL_ERROR"],
    "a frame too large": [(wire) => wire.read(Buffer.of(1, 0, 0, 0, 0, 0, 0, 0, 1)), "FRAME_SIZE_ERROR"],
  };
  for (const [what, [act, code]] of Object.entries(faults)) {
    const wire = new Wire();
    wire.call(1);
    act(wire);
    deepEqual([wire.received().at(-1), wire.ended, wire.events.at(-1)], [`GOAWAY 1 ${code}`, true, "1 gone"], what);
    wire.call(11);
    deepEqual(wire.received(), [], what);
  }
});

Deno.test("Connection resets a stream that exceeds its window", () => {
  const wire = new Wire();
  const piece = new Uint8Array(16_384);
  wire.client.frame("HEADERS", END_HEADERS, 1, request);
  for (let sent = 0; sent <= windows.stream; sent += piece.length) wire.client.frame("DATA", 0, 1, piece);
  wire.say();
  deepEqual(wire.received(), ["RST_STREAM 1 FLOW_CONTROL_ERROR"]);
});

/** Mostly valid frames, and some that are always invalid. */
const anyFrame = fc.record({
  type: fc.constantFrom(...Object.keys(frameTypes) as (keyof typeof frameTypes)[]),
  flags: fc.constantFrom(0, 1, 4, 5, 8, 13, 32, 37, 0xff),
  stream: fc.constantFrom(0, 1, 1, 2, 3, 5, 7, 2 ** 31 - 1),
  payload: fc.oneof(
    fc.constantFrom<Uint8Array>(
      request,
      nothing,
      Uint8Array.of(0, 0, 0, 1),
      new Uint8Array(8),
      Buffer.from("goodbye!"),
    ),
    fc.uint8Array({ maxLength: 40 }),
  ),
});

Deno.test("Connection is total: for any frames it sends valid frames, at most ends, and notifies each stream once", () => {
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 30 }), fc.infiniteStream(fc.nat({ max: 50 })), (frames, cuts) => {
      const wire = new Wire((stream) => ({ data: () => 0, end: () => stream.answer(reply) }));
      for (const { type, flags, stream, payload } of frames) wire.client.frame(type, flags, stream, payload);
      const bytes = wire.client.take() ?? Buffer.alloc(0);
      for (let at = 0; at < bytes.length;) {
        const cut = 1 + (cuts.next().value ?? 0);
        wire.read(bytes.subarray(at, at + cut));
        at += cut;
      }
      const received = wire.received();
      equal(received.some((one) => one.startsWith("GOAWAY")) ? wire.ended : true, true);
      wire.connection.lost();
      deepEqual(wire.bugs, []);
      for (const stream of wire.streams) ok(stream.closed);
      const gone = wire.events.filter((one) => one.endsWith("gone"));
      equal(new Set(gone).size, gone.length);
    }),
    { numRuns: 500 },
  );
});

Deno.test("Connection never throws at arbitrary bytes, with or without a preface", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, greeted) => {
    const connection = new Connection(options);
    if (greeted) connection.receive(Buffer.from(preface));
    connection.receive(Buffer.from(bytes));
    connection.turn(() => false);
    connection.abort();
  }));
});

Deno.test("Connection releases its whole budget, for any course of its streams", () => {
  const id = fc.integer({ min: 0, max: 5 }).map((at) => 2 * at + 1);
  const step = fc.oneof(
    fc.record({ kind: fc.constant("begin" as const), id, end: fc.boolean(), length: fc.option(fc.nat(9)) }),
    fc.record({ kind: fc.constant("data" as const), id, bytes: fc.nat(40), end: fc.boolean() }),
    fc.record({ kind: fc.constant("reset" as const), id }),
    fc.record({ kind: fc.constant("trailers" as const), id }),
    fc.record({ kind: fc.constant("answer" as const), id, bytes: fc.nat(200_000) }),
    fc.record({ kind: fc.constant("finish" as const), id }),
    fc.record({ kind: fc.constant("open" as const), id, by: fc.integer({ min: 1, max: 100_000 }) }),
    fc.record({ kind: fc.constant("congest" as const), id, on: fc.boolean() }),
    fc.record({ kind: fc.constant("leave" as const), id }),
  );
  const left = (
    ending: "lost" | "cut off",
    steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[],
  ) => {
    const wire = new Wire();
    // So little is left that some requests are refused.
    const taken = budgets.connection - 3 * budgets.stream - 150_000;
    ok(wire.share.take(taken));
    let last = -1;
    for (const one of steps) {
      const stream = wire.streams.find(({ id }) => id === one.id);
      if (one.kind === "begin" && one.id > last) {
        last = one.id;
        const length = one.length === null ? [] : [["content-length", String(one.length)] as const];
        const head = headerBlock([[":method", "POST"], [":scheme", "http"], [":path", "/a"], ...length]);
        wire.frame("HEADERS", END_HEADERS | (one.end ? END_STREAM : 0), one.id, head);
      } else if (one.kind === "data" && one.id <= last) {
        wire.frame("DATA", one.end ? END_STREAM : 0, one.id, Buffer.alloc(one.bytes));
      } else if (one.kind === "reset" && one.id <= last) {
        wire.frame("RST_STREAM", 0, one.id, Buffer.alloc(4));
      } else if (one.kind === "trailers" && one.id <= last) {
        wire.frame("HEADERS", END_HEADERS | END_STREAM, one.id, headerBlock([["x", "y"]]));
      } else if (one.kind === "answer") stream?.answer({ ...reply, body: Buffer.alloc(one.bytes) });
      else if (one.kind === "finish") stream?.finish(reply.head);
      else if (one.kind === "open" && one.id <= last) {
        for (const at of [0, one.id]) {
          const increment = Buffer.alloc(4);
          increment.writeUInt32BE(one.by);
          wire.frame("WINDOW_UPDATE", 0, at, increment);
        }
      } else if (one.kind === "congest") {
        wire.congested = one.on;
        if (!one.on) wire.connection.drained();
        wire.read(Buffer.alloc(0));
      } else if (one.kind === "leave") wire.connection.refuseNewStreams();
    }
    if (ending === "lost") wire.connection.lost();
    else wire.connection.abort();
    equal(wire.share.used, taken);
    ok(wire.streams.every(({ held, closed }) => held === 0 && closed));
    deepEqual(wire.bugs, []);
  };
  fc.assert(fc.property(fc.constantFrom("lost", "cut off"), fc.array(step, { maxLength: 40 }), left), { numRuns: 500 });
});
