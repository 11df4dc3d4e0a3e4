import { deepEqual, equal, match, ok } from "node:assert/strict";
import fc from "fast-check";
import { type ClosingStream, printableUid, type Sent, StreamCall, timeoutOf } from "./rpc_call.ts";

class FakeStream implements ClosingStream {
  closed = false;
  onClosed: (() => void) | undefined;
}

function callOn(stream: FakeStream, sent: Sent = {}): StreamCall {
  return new StreamCall(stream, sent, { deadlineMs: 3000 });
}

Deno.test("printableUid() is short and visible ASCII for any value", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 400 }), (uid) => {
    match(printableUid(uid), /^[\x21-\x7e]{0,128}$/);
  }));
  equal(printableUid("7b9a3a1c-0000"), "7b9a3a1c-0000");
  equal(printableUid("a\nb\u001b[31m"), "a_b_[31m");
  equal(printableUid("u".repeat(129)), "u".repeat(128));
  equal(printableUid(7), "");
});

Deno.test("StreamCall.uid is made once if the client has sent none", () => {
  const call = callOn(new FakeStream(), { uid: "" });
  match(call.uid, /^[0-9a-f-]{36}$/);
  equal(call.uid, call.uid);
});

Deno.test("StreamCall.signal is created at the first access", () => {
  const stream = new FakeStream();
  using call = callOn(stream);
  ok(call.uid);
  equal(stream.onClosed, undefined);
  equal(call.signal, call.signal);
  ok(stream.onClosed);
});

Deno.test("StreamCall.left() is the remaining time, as providers receive it", () => {
  const call = callOn(new FakeStream(), { timeout: "2S" });
  const { left } = { left: () => call.left() };
  ok(left() > 1_000 && left() <= 1_900);
});

Deno.test("StreamCall.deadlineMs stays below the client's deadline and never below zero", () => {
  const left = (timeout?: string) => callOn(new FakeStream(), { timeout }).deadlineMs;
  ok(left("3S") <= 2900 && left("3S") > 1000);
  ok(left("100m") <= 50);
  equal(left("0n"), 0);
  equal(left(), 2900);
  equal(left("99999999H"), 2 ** 31 - 1);
});

Deno.test("StreamCall.signal fires when the client disconnects, with a reason", () => {
  const stream = new FakeStream();
  using call = callOn(stream);
  const { signal } = call;
  stream.onClosed?.();
  equal(signal.aborted && signal.reason.name, "AbortError");
});

Deno.test("StreamCall.signal has fired at the first access if the client had disconnected before", () => {
  const stream = new FakeStream();
  stream.closed = true;
  using call = callOn(stream);
  ok(call.signal.aborted);
});

Deno.test("StreamCall removes its timer and listener at the end of a call", () => {
  const stream = new FakeStream();
  const call = callOn(stream);
  const { signal } = call;
  call[Symbol.dispose]();
  equal(stream.onClosed, undefined);
  ok(!signal.aborted);
});

Deno.test("StreamCall calls off its timer when it is disposed of", () => {
  const timers: number[] = [];
  const after = (ms: number) => {
    timers.push(ms);
    return () => void timers.pop();
  };
  const call = new StreamCall(new FakeStream(), {}, { after, deadlineMs: 3000 });
  ok(!call.signal.aborted);
  deepEqual(timers, [2900]);
  call[Symbol.dispose]();
  deepEqual(timers, []);
});

Deno.test("timeoutOf() reads every unit of gRPC", () => {
  const timeouts = {
    "2H": 7_200_000,
    "1M": 60_000,
    "3S": 3000,
    "2999m": 2999,
    "2500000u": 2500,
    "99999999n": 99.999999,
  };
  for (const [value, ms] of Object.entries(timeouts)) equal(timeoutOf(value), ms, value);
});

Deno.test("timeoutOf() treats an invalid header as no deadline", () => {
  for (const value of [undefined, "", "3", "S", "3s", "-3S", "3.5S", "123456789m", "3S ", "3 S", "0x3S", "٣S"]) {
    equal(timeoutOf(value), undefined, `${value}`);
  }
});
