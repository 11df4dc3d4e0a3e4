import { deepEqual, equal, fail, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { budgets, Pool, Share } from "./budget.ts";
import { Connection, maxIdleFrames, type OnStream } from "./connection.ts";
import { http2ErrorCodes } from "./errors.ts";
import { frameFlags, FrameSplitter, frameTypes, FrameWriter, type Http2Frame, preface, settingIds } from "./frames.ts";
import { headerBlock } from "./hpack.ts";
import type { ServerStream } from "./stream.ts";
import { maxStreams } from "./stream_table.ts";
import { windows } from "./windows.ts";

const { END_STREAM, END_HEADERS, ACK } = frameFlags;
const request = headerBlock([[":method", "POST"], [":scheme", "http"], [":path", "/a"], ["te", "trailers"]]);
const reply = {
  head: headerBlock([[":status", "200"]]),
  body: Buffer.from("pong"),
  trailers: headerBlock([["x", "y"]]),
};
const nothing = new Uint8Array(0);
const onInternalError = (thrown: unknown) => fail(String(thrown));

/** A frame as text: its type, its stream and its relevant content. */
function inWords({ type, flags, stream, bytes, from, to }: Http2Frame): string {
  const [name = `type ${type}`] = Object.entries(frameTypes).find(([, one]) => one === type) ?? [];
  const payload = bytes.subarray(from, to);
  const code = (at: number) => Object.entries(http2ErrorCodes).find(([, one]) => one === payload.readUInt32BE(at))?.[0];
  const end = (flags & END_STREAM) !== 0;
  switch (name) {
    case "DATA":
      return `DATA ${stream} ${payload.toString("latin1").slice(0, 20)}${end ? " end" : ""}`;
    case "HEADERS":
      return `HEADERS ${stream}${end ? " end" : ""}`;
    case "RST_STREAM":
      return `RST_STREAM ${stream} ${code(0)}`;
    case "GOAWAY":
      return `GOAWAY ${payload.readUInt32BE(0)} ${code(4)}`;
    case "WINDOW_UPDATE":
      return `WINDOW_UPDATE ${stream} ${payload.readUInt32BE(0)}`;
    default:
      return name + ((flags & ACK) !== 0 && name !== "CONTINUATION" ? " ack" : "");
  }
}

function wordsOf(splitter: FrameSplitter): string[] {
  const words: string[] = [];
  for (let frame = splitter.next(); frame !== undefined; frame = splitter.next()) words.push(inWords(frame));
  return words;
}

const options = {
  onStream: () => undefined,
  write() {},
  end() {},
  soon() {},
  onInternalError,
  congested: () => false,
  share: new Share(new Pool()),
};

/** A connection, and a client that writes frames by hand. */
class Wire {
  readonly streams: ServerStream[] = [];
  /** Calls of the receivers. */
  readonly events: string[] = [];
  readonly client: FrameWriter = new FrameWriter(() => {});
  readonly connection: Connection;
  readonly bugs: unknown[] = [];
  readonly share: Share;
  ended = false;
  congested = false;
  #work: (() => void)[] = [];
  readonly #splitter = new FrameSplitter();

  constructor(onStream?: OnStream, pool = new Pool()) {
    this.share = new Share(pool);
    // A server sends no preface.
    this.#splitter.add(Buffer.from(preface));
    this.connection = new Connection({
      onStream: (stream, headers) => {
        this.streams.push(stream);
        this.events.push(`${stream.id} ${headers.method} ${headers.path}`);
        stream.onClosed = () => this.events.push(`${stream.id} gone`);
        return onStream?.(stream, headers) ?? {
          data: (piece) => {
            this.events.push(`${stream.id} ${piece.toString("latin1").slice(0, 20)}`);
            return piece.length;
          },
          end: () => this.events.push(`${stream.id} end`),
        };
      },
      write: (bytes) => this.#splitter.add(bytes),
      end: () => this.ended = true,
      soon: (work) => this.#work.push(work),
      onInternalError: (thrown) => this.bugs.push(thrown),
      share: this.share,
      congested: () => this.congested,
    });
    this.connection.receive(Buffer.from(preface));
    this.client.settings([]);
    this.say();
    this.received();
  }

  /** Delivers the frames that the client has written. */
  say(): void {
    this.read(this.client.take() ?? Buffer.alloc(0));
  }

  /** Processes bytes in one turn that no limit ends. */
  read(bytes: Buffer): void {
    this.connection.receive(bytes);
    ok(!this.connection.turn(() => false));
  }

  /** Writes and delivers one frame. */
  frame(type: keyof typeof frameTypes, flags: number, stream: number, payload: Uint8Array = nothing): void {
    this.client.frame(type, flags, stream, payload);
    this.say();
  }

  /** Sends a request without a body, or with one. */
  call(stream: number, body?: string): void {
    this.client.frame("HEADERS", END_HEADERS | (body === undefined ? END_STREAM : 0), stream, request);
    if (body !== undefined) this.client.frame("DATA", END_STREAM, stream, Buffer.from(body));
    this.say();
  }

  /** Frames that the server has sent since the last call. */
  received(): string[] {
    for (const work of this.#work.splice(0)) work();
    return wordsOf(this.#splitter);
  }
}

Deno.test("Connection sends its settings first and enlarges its window", () => {
  const splitter = new FrameSplitter();
  splitter.add(Buffer.from(preface));
  const work: (() => void)[] = [];
  const write = (bytes: Buffer) => splitter.add(bytes);
  new Connection({ ...options, write, soon: (one) => work.push(one) });
  equal(splitter.next(), undefined);
  for (const one of work) one();
  const settings = splitter.next();
  ok(settings?.type === frameTypes.SETTINGS);
  deepEqual(wordsOf(splitter), [`WINDOW_UPDATE 0 ${windows.connection - windows.initial}`]);
  const { bytes, from, to } = settings;
  const identifiers = Array.from({ length: (to - from) / 6 }, (_, at) => bytes.readUInt16BE(from + 6 * at));
  deepEqual(identifiers, [
    settingIds.MAX_CONCURRENT_STREAMS,
    settingIds.INITIAL_WINDOW_SIZE,
    settingIds.MAX_HEADER_LIST_SIZE,
  ]);
});

Deno.test("Connection passes a request on and sends the response in one write", () => {
  const wire = new Wire();
  wire.call(1, "ping");
  deepEqual(wire.events, ["1 POST /a", "1 ping", "1 end"]);
  wire.streams[0]?.answer(reply);
  deepEqual(wire.received(), ["HEADERS 1", "DATA 1 pong", "HEADERS 1 end"]);
  ok(wire.streams[0]?.closed);
  wire.streams[0]?.answer(reply);
  wire.streams[0]?.finish(reply.head);
  deepEqual(wire.received(), []);
});

Deno.test("Connection accepts headers and body in any number of frames, with and without padding", () => {
  const wire = new Wire();
  wire.client.frame("HEADERS", 0, 1, request.subarray(0, 2));
  wire.client.frame("CONTINUATION", 0, 1, nothing);
  wire.client.frame("CONTINUATION", END_HEADERS, 1, request.subarray(2));
  wire.client.frame("DATA", 0, 1, Buffer.from("pi"));
  wire.client.frame("DATA", frameFlags.PADDED, 1, Buffer.from("\x03ng\0\0\0"));
  wire.client.frame("DATA", END_STREAM, 1, nothing);
  wire.say();
  deepEqual(wire.events, ["1 POST /a", "1 pi", "1 ng", "1 end"]);
  wire.client.frame("HEADERS", END_HEADERS, 3, request);
  wire.client.frame("HEADERS", END_HEADERS | END_STREAM, 3, headerBlock([["after", "all"]]));
  wire.say();
  deepEqual(wire.events.slice(4), ["3 POST /a", "3 end"]);
});

Deno.test("Connection sends a body as the client opens its windows, then the trailers", () => {
  const wire = new Wire();
  wire.client.settings([[settingIds.INITIAL_WINDOW_SIZE, 2]]);
  wire.say();
  wire.call(1);
  wire.streams[0]?.answer(reply);
  deepEqual(wire.received(), ["SETTINGS ack", "HEADERS 1", "DATA 1 po"]);
  wire.client.windowUpdate(1, 1);
  wire.say();
  deepEqual(wire.received(), ["DATA 1 n"]);
  wire.client.settings([[settingIds.INITIAL_WINDOW_SIZE, 3]]);
  wire.say();
  deepEqual(wire.received(), ["SETTINGS ack", "DATA 1 g", "HEADERS 1 end"]);
});

Deno.test("Connection notifies a stream whose client has reset it, and sends nothing more for it", () => {
  const wire = new Wire();
  wire.client.settings([[settingIds.INITIAL_WINDOW_SIZE, 0]]);
  wire.call(1);
  wire.call(3);
  wire.streams[0]?.answer(reply);
  wire.received();
  wire.client.resetStream(1, "CANCEL");
  wire.client.windowUpdate(1, 100);
  wire.say();
  deepEqual([wire.events.slice(-1), wire.received()], [["1 gone"], []]);
  wire.connection.lost();
  deepEqual(wire.events.slice(-1), ["3 gone"]);
  wire.streams[1]?.answer(reply);
  deepEqual(wire.received(), []);
});

Deno.test("Connection resets a stream with NO_ERROR if its response precedes the end of the request", () => {
  const wire = new Wire();
  wire.client.frame("HEADERS", END_HEADERS, 1, request);
  wire.say();
  wire.streams[0]?.finish(reply.head);
  deepEqual(wire.received(), ["HEADERS 1 end", "RST_STREAM 1 NO_ERROR"]);
  // Frames that were in transit are no error, trailers among them.
  wire.client.frame("DATA", 0, 1, Buffer.from("late"));
  wire.client.frame("HEADERS", END_HEADERS | END_STREAM, 1, request);
  wire.say();
  deepEqual([wire.received(), wire.events], [[], ["1 POST /a"]]);
  wire.call(3);
  deepEqual(wire.events.slice(1), ["3 POST /a", "3 end"]);
});

Deno.test("Connection credits its receive window for all bytes read, for complete and incomplete requests", () => {
  const wire = new Wire(() => ({ data: () => 0, end() {} }));
  const piece = new Uint8Array(16_384);
  const quarter = windows.connection / 4;
  for (let stream = 1, sent = 0; sent < 2 * quarter; stream += 2) {
    wire.client.frame("HEADERS", END_HEADERS, stream, request);
    for (let at = 0; at < 8; at++, sent += piece.length) wire.client.frame("DATA", 0, stream, piece);
    wire.say();
  }
  deepEqual(wire.received(), [`WINDOW_UPDATE 0 ${quarter}`, `WINDOW_UPDATE 0 ${quarter}`]);
});

Deno.test("Connection.turn() does at least one piece of work, stops when isOver() is true, and continues in the next turn", () => {
  const wire = new Wire();
  for (const stream of [1, 3, 5]) wire.client.frame("HEADERS", END_HEADERS | END_STREAM, stream, request);
  wire.connection.receive(wire.client.take() ?? Buffer.alloc(0));
  const turns: [boolean, number][] = [];
  for (let at = 0; at < 4; at++) turns.push([wire.connection.turn(() => true), wire.streams.length]);
  deepEqual(turns, [[true, 1], [true, 2], [true, 3], [false, 3]]);
});

Deno.test("Connection processes no frames for a client that does not read, and continues once it has read", () => {
  const wire = new Wire();
  wire.call(1);
  wire.congested = true;
  wire.call(3);
  wire.streams[0]?.answer(reply);
  deepEqual([wire.received(), wire.streams.length], [["HEADERS 1"], 1]);
  wire.congested = false;
  wire.connection.drained();
  ok(!wire.connection.turn(() => false));
  deepEqual([wire.received(), wire.streams.length], [["DATA 1 pong", "HEADERS 1 end"], 2]);
});

Deno.test("Connection resets one stream whose body exceeds the budget, and releases its bytes", () => {
  const wire = new Wire(() => ({ data: () => budgets.connection / 2, end() {} }));
  const before = wire.share.used;
  for (const stream of [1, 3]) wire.client.frame("HEADERS", END_HEADERS, stream, request);
  for (const stream of [1, 3]) wire.client.frame("DATA", 0, stream, Uint8Array.of(1));
  wire.say();
  deepEqual(wire.received(), ["RST_STREAM 3 ENHANCE_YOUR_CALM"]);
  equal(wire.share.used, budgets.connection / 2 + budgets.stream);
  wire.client.resetStream(1, "CANCEL");
  wire.say();
  equal(wire.share.used, before);
});

Deno.test("Connection resets one stream whose response the client does not read, if the budget is exceeded", () => {
  const wire = new Wire();
  wire.client.settings([[settingIds.INITIAL_WINDOW_SIZE, 0]]);
  for (const stream of [1, 3]) wire.call(stream);
  const body = Buffer.alloc(budgets.connection / 2);
  for (const stream of wire.streams) stream.answer({ ...reply, body });
  deepEqual(wire.received(), ["SETTINGS ack", "HEADERS 1", "HEADERS 3", "RST_STREAM 3 ENHANCE_YOUR_CALM"]);
  equal(wire.events.at(-1), "3 gone");
  wire.connection.lost();
  equal(wire.share.used, 0);
});

Deno.test("Connection refuses a stream if the budget is used up, and continues others", () => {
  const pool = new Pool();
  const greedy = Array.from({ length: 4 }, () => new Share(pool));
  for (const share of greedy) ok(share.take(budgets.connection));
  const wire = new Wire((stream) => ({ data: () => budgets.granted / 2, end: () => stream.answer(reply) }), pool);
  ok(!new Share(pool).take(budgets.granted + budgets.all));
  wire.call(1, "ping");
  deepEqual(wire.received(), ["HEADERS 1", "DATA 1 pong", "HEADERS 1 end"]);
  const streams = budgets.granted / budgets.stream;
  for (let at = 1; at <= streams; at++) wire.client.frame("HEADERS", END_HEADERS, 2 * at + 1, request);
  wire.say();
  deepEqual(wire.received(), []);
  pool.take(4 * budgets.granted);
  wire.call(2 * streams + 3);
  deepEqual(wire.received(), [`RST_STREAM ${2 * streams + 3} REFUSED_STREAM`]);
});

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

Deno.test("Connection.shutDown() answers calls sent before the client received GOAWAY, then ends", () => {
  const wire = new Wire();
  wire.call(1);
  wire.connection.shutDown();
  deepEqual(wire.received(), ["GOAWAY 2147483647 NO_ERROR", "PING"]);
  wire.call(3);
  wire.frame("PING", ACK, 0, Buffer.from("goodbye!"));
  deepEqual(wire.received(), ["GOAWAY 3 NO_ERROR"]);
  wire.call(5);
  deepEqual(wire.received(), ["RST_STREAM 5 REFUSED_STREAM"]);
  for (const stream of wire.streams) stream.answer(reply);
  equal(wire.received().length, 6);
  deepEqual([wire.events, wire.ended], [["1 POST /a", "1 end", "3 POST /a", "3 end"], true]);
});

Deno.test("Connection.shutDown() ends at once if the client has sent nothing", () => {
  let ended = false;
  const connection = new Connection({ ...options, end: () => ended = true });
  connection.shutDown();
  ok(ended);
});

Deno.test("Connection.refuseNewStreams() does not wait for the ACK of the PING", () => {
  const wire = new Wire();
  wire.connection.refuseNewStreams();
  deepEqual([wire.received(), wire.ended], [[], false]);
  wire.connection.shutDown();
  wire.connection.refuseNewStreams();
  deepEqual([wire.received().at(-1), wire.ended], ["GOAWAY 0 NO_ERROR", true]);
});

Deno.test("Connection.abort() cancels open streams and notifies their handlers", () => {
  const wire = new Wire();
  wire.call(1);
  wire.connection.abort();
  deepEqual(wire.received(), ["RST_STREAM 1 CANCEL", "GOAWAY 1 NO_ERROR"]);
  deepEqual([wire.events.at(-1), wire.ended], ["1 gone", true]);
});

Deno.test("Connection ends after the client's GOAWAY, once all responses are sent", () => {
  const wire = new Wire();
  wire.call(1);
  wire.client.goAway(0, "NO_ERROR");
  wire.say();
  ok(!wire.ended);
  wire.streams[0]?.answer(reply);
  ok(wire.ended);
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
