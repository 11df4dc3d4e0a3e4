import { deepEqual, equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { budgets, Pool, Share } from "./budget.ts";
import { Connection } from "./connection.ts";
import { frameFlags, FrameSplitter, frameTypes, preface, settingIds } from "./frames.ts";
import { headerBlock } from "./hpack.ts";
import { windows } from "./windows.ts";
import {
  ACK,
  END_HEADERS,
  END_STREAM,
  nothing,
  options,
  reply,
  request,
  Wire,
  wordsOf,
} from "../../../tests/support/http2_wire.ts";

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
