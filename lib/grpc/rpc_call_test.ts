import { equal, match, ok } from "node:assert/strict";
import { EventEmitter } from "node:events";
import { Metadata, type ServerUnaryCall } from "@grpc/grpc-js";
import fc from "fast-check";
import { printableUid, UnaryRpcCall } from "./rpc_call.ts";
import { keepTimeout } from "./timeout_header.ts";

class FakeCall extends EventEmitter {
  cancelled = false;
  readonly metadata: Metadata;
  constructor(readonly request: { readonly uid?: unknown }, timeout?: string) {
    super();
    const headers = timeout === undefined ? {} : { "grpc-timeout": timeout };
    keepTimeout(headers);
    this.metadata = Metadata.fromHttp2Headers(headers);
  }
}

function wrapped(fake: FakeCall): UnaryRpcCall {
  return new UnaryRpcCall(fake as unknown as ServerUnaryCall<{ uid?: unknown }, unknown>);
}

Deno.test("printableUid() is short and visible ASCII, whatever a client sends", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 400 }), (uid) => {
    match(printableUid(uid), /^[\x21-\x7e]{0,128}$/);
  }));
  equal(printableUid("7b9a3a1c-0000"), "7b9a3a1c-0000");
  equal(printableUid("a\nb\u001b[31m"), "a_b_[31m");
  equal(printableUid(7), "");
});

Deno.test("UnaryRpcCall.uid is made once where the client has none", () => {
  const call = wrapped(new FakeCall({ uid: "" }));
  match(call.uid, /^[0-9a-f-]{36}$/);
  equal(call.uid, call.uid);
});

Deno.test("UnaryRpcCall.signal is made when it is first asked for", () => {
  const fake = new FakeCall({});
  using call = wrapped(fake);
  ok(call.uid);
  equal(fake.listenerCount("cancelled"), 0);
  equal(call.signal, call.signal);
  equal(fake.listenerCount("cancelled"), 1);
});

Deno.test("UnaryRpcCall.deadlineMs stays below the client's deadline and never below zero", () => {
  const left = (timeout?: string) => wrapped(new FakeCall({}, timeout)).deadlineMs;
  ok(left("3S") <= 2900 && left("3S") > 1000);
  ok(left("100m") <= 50);
  equal(left("0n"), 0);
  equal(left(), 2900);
  equal(left("99999999H"), 2 ** 31 - 1);
});

Deno.test("UnaryRpcCall.signal fires when the client goes, with a reason that says so", () => {
  const fake = new FakeCall({});
  using call = wrapped(fake);
  const { signal } = call;
  fake.emit("cancelled");
  equal(signal.aborted && signal.reason.name, "AbortError");
});

Deno.test("UnaryRpcCall.signal has fired already for a client that went before it was asked for", () => {
  const fake = new FakeCall({});
  fake.cancelled = true;
  using call = wrapped(fake);
  ok(call.signal.aborted);
});

Deno.test("UnaryRpcCall.signal does not fire at the good end of a call, which grpc-js calls cancelled too", () => {
  const fake = new FakeCall({});
  const call = wrapped(fake);
  const { signal } = call;
  call[Symbol.dispose]();
  fake.emit("cancelled");
  ok(!signal.aborted);
});
