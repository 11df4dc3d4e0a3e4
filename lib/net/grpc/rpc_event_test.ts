import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import { systemClock } from "../../base/clock.ts";
import { KmsError } from "../../base/errors.ts";
import type { AuditEvent, CacheResult, Event } from "../../telemetry/events.ts";
import { notedBug, rpcObserver } from "./rpc_event.ts";

const call = { signal: new AbortController().signal, deadlineMs: 1000, uid: "uid-1" };

interface TestEvent extends AuditEvent {
  readonly api: "v2";
  readonly operation: "status" | "encrypt" | "decrypt";
  readonly keyId: string;
  readonly providers: readonly { readonly name: string; readonly version: string }[];
  readonly cache?: CacheResult;
}

const { withRpcEvent, notedUnreadable } = rpcObserver<TestEvent>(() => ({ keyId: "", providers: [] }));

function noted() {
  const events: Event[] = [];
  return { events, notify: (event: Event) => void events.push(event) };
}

Deno.test("withRpcEvent() notes an answer with what the handler found", async () => {
  const { events, notify } = noted();
  const handler = withRpcEvent("v2", "decrypt", notify, async (request: string, _call, findings) => {
    await Promise.resolve();
    Object.assign(findings, { keyId: "k", providers: [{ name: "a", version: "1" }], cache: "hit" });
    return request.length;
  });
  equal(await handler("four", call), 4);
  const [event] = events;
  ok(event?.type === "rpc" && event.seconds >= 0);
  deepEqual({ ...event, seconds: 0 }, {
    type: "rpc",
    api: "v2",
    operation: "decrypt",
    result: "ok",
    seconds: 0,
    uid: "uid-1",
    keyId: "k",
    providers: [{ name: "a", version: "1" }],
    cache: "hit",
  });
});

Deno.test("withRpcEvent() makes no promise for a synchronous answer", () => {
  const { events, notify } = noted();
  equal(withRpcEvent("v2", "status", notify, () => 7)({}, call), 7);
  equal(events.length, 1);
});

Deno.test("withRpcEvent() notes a failure once, synchronous or asynchronous, and rethrows it", async () => {
  const { events, notify } = noted();
  const failure = new KmsError("key_unusable", "Cannot.", { cause: new TypeError("hunter2") });
  const now = withRpcEvent("v2", "encrypt", notify, () => {
    throw failure;
  });
  throws(() => now({}, call), failure);
  await rejects(withRpcEvent("v2", "decrypt", notify, () => Promise.reject(failure))({}, call), failure);
  equal(events.length, 2);
  for (const event of events) {
    ok(event.type === "rpc");
    deepEqual([event.result, event.message, event.cause], ["key_unusable", "Cannot.", "TypeError"]);
  }
});

Deno.test("withRpcEvent() turns an unknown error into an internal one, without its details in the event", () => {
  const { events, notify } = noted();
  const handler = withRpcEvent("v2", "encrypt", notify, () => {
    throw new RangeError("hunter2");
  });
  throws(() => handler({}, call), { code: "internal" });
  ok(!JSON.stringify(events).includes("hunter2"));
  ok(JSON.stringify(events).includes("RangeError"));
});

Deno.test("withRpcEvent() counts the seconds of a call from the moment at which its request was complete", () => {
  const { events, notify } = noted();
  const handler = withRpcEvent("v2", "status", notify, () => 7);
  handler({}, { ...call, began: systemClock.now() - 3_600_000 });
  handler({}, call);
  const [since, at] = events.map((event) => event.type === "rpc" ? event.seconds : NaN);
  ok(since !== undefined && since >= 3_600);
  ok(at !== undefined && at >= 0 && at < 3_600);
});

Deno.test("withRpcEvent() sends each call's own event, which later calls do not change", () => {
  const { events, notify } = noted();
  const handler = withRpcEvent("v2", "encrypt", notify, (keyId: string, _call, findings) => {
    findings.keyId = keyId;
    if (keyId === "bad") throw new KmsError("integrity", "Cannot.");
    return keyId;
  });
  handler("one", call);
  throws(() => handler("bad", { ...call, uid: "uid-2" }));
  handler("two", { ...call, uid: "uid-3" });
  deepEqual(
    events.map((event) => event.type === "rpc" && [event.keyId, event.result, event.uid, event.message]),
    [["one", "ok", "uid-1", undefined], ["bad", "integrity", "uid-2", "Cannot."], ["two", "ok", "uid-3", undefined]],
  );
});

Deno.test("withRpcEvent() begins each call with blank findings", () => {
  const { events, notify } = noted();
  const handler = withRpcEvent("v2", "encrypt", notify, (keyId: string, _call, findings) => {
    if (keyId !== "") findings.keyId = keyId;
  });
  handler("first", call);
  handler("", call);
  deepEqual(events.map((event) => event.type === "rpc" && event.keyId), ["first", ""]);
});

Deno.test("notedUnreadable() notes a request under the call that its path names", () => {
  const { events, notify } = noted();
  const unreadable = notedUnreadable(
    notify,
    (path) => ({ api: "v2", operation: path === "/e" ? "encrypt" : "status" }),
  );
  unreadable("/e", new KmsError("request_invalid", "No message."), call);
  deepEqual(events, [{
    type: "rpc",
    api: "v2",
    operation: "encrypt",
    result: "request_invalid",
    seconds: 0,
    uid: "uid-1",
    keyId: "",
    providers: [],
    message: "No message.",
  }]);
});

Deno.test("notedBug() warns of an internal error with its class name only", () => {
  const { events, notify } = noted();
  notedBug(notify)(new TypeError("hunter2"));
  const [event] = events;
  ok(event?.type === "lifecycle" && event.action === "warning");
  ok(event.message.includes("TypeError") && !event.message.includes("hunter2"));
});
