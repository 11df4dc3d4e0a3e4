import assert from "node:assert/strict";
import fc from "fast-check";
import type { Event } from "./events.ts";
import { anyEvent, eventArbitraries } from "../../tests/support/event_arbitraries.ts";
import { eventLog } from "./event_log.ts";
import { createLogger, type LogLevel } from "./log.ts";

type Line = Readonly<Record<string, unknown>> & { readonly level: LogLevel; readonly message: string };

function opened(level: LogLevel = "debug") {
  const lines: Line[] = [];
  const clock = { now: 1_000_000, ahead: 0 };
  const logger = createLogger({
    level,
    format: "json",
    colours: false,
    now: () => clock.now,
    write: (line) => void lines.push(JSON.parse(line)),
  });
  const notify = eventLog(logger, { now: () => clock.now, wall: () => clock.now + clock.ahead });
  return {
    clock,
    lines,
    notify,
    logged: (event: Event) => {
      lines.length = 0;
      notify(event);
      return lines[0];
    },
  };
}

const rpc = {
  type: "rpc",
  api: "v2",
  operation: "decrypt",
  result: "ok",
  seconds: 0.0004125,
  uid: "u-1",
  keyId: "t1-0",
  providers: [{ name: "a", version: "3" }],
  cache: "hit",
} as const satisfies Event;

const sick = {
  type: "provider_health",
  provider: "a",
  kind: "local",
  from: "well",
  to: "sick",
  result: "unreachable",
  message: "Vault answered 503 (sealed).",
} as const satisfies Event;

const call = { provider: "a", result: "ok", seconds: 0.002 } as const;

/** The entry of a new log for each event: level, message, fields. */
const expectations: readonly (readonly [Event, LogLevel, string, Readonly<Record<string, unknown>>])[] = [
  [
    { type: "api_request", route: "secret.read", outcome: "forbidden", seconds: 0.002 },
    "debug",
    "Answered secret.read.",
    {
      route: "secret.read",
      outcome: "forbidden",
      durationMs: 2,
    },
  ],
  [rpc, "debug", "Answered decrypt.", {
    api: "v2",
    operation: "decrypt",
    result: "ok",
    uid: "u-1",
    keyId: "t1-0",
    providers: ["a@3"],
    cache: "hit",
    durationMs: 0.413,
  }],
  [{ ...rpc, result: "integrity", message: "Cannot open it.", cause: "TypeError" }, "warn", "Cannot open it.", {
    uid: "u-1",
    result: "integrity",
    cause: "TypeError",
  }],
  [{ ...rpc, result: "cancelled" }, "debug", "Refused decrypt.", {}],
  [{ ...rpc, result: "internal", cause: "TypeError: hvs.token" }, "error", "Refused decrypt.", { cause: "Error" }],
  [{ type: "provider_call", ...call, kind: "local", verb: "wrap" }, "debug", 'Provider "a" answered wrap.', {
    verb: "wrap",
    durationMs: 2,
  }],
  [
    { type: "provider_call", ...call, kind: "local", verb: "wrap", result: "unreachable", message: "Away." },
    "debug",
    "Away.",
    { result: "unreachable" },
  ],
  [sick, "warn", 'Provider "a" is sick: Vault answered 503 (sealed).', { from: "well", to: "sick" }],
  [{ ...sick, from: "sick", to: "well", result: "ok", message: "" }, "info", 'Provider "a" is well.', {}],
  [{ type: "login", ...call, method: "approle" }, "info", 'Logged in to provider "a".', { method: "approle" }],
  [
    { type: "login", ...call, method: "approle", result: "permission_denied" },
    "warn",
    'Cannot log in to provider "a".',
    {},
  ],
  [{ type: "token_renewed", ...call }, "debug", 'Renewed the token of provider "a".', {}],
  [{ type: "token_renewed", ...call, result: "throttled", message: "Slow." }, "warn", "Slow.", {}],
  [
    { type: "token_lifetime", provider: "a", expiresAt: 0 },
    "debug",
    'The token of provider "a" has a new expiry.',
    { expiresAt: "1970-01-01T00:00:00.000Z" },
  ],
  [
    { type: "token_lifetime", provider: "a", expiresAt: undefined },
    "debug",
    'The token of provider "a" does not expire.',
    {},
  ],
  [
    { type: "certificate_lifetime", provider: "a", expiresAt: 999_999 },
    "error",
    'The certificate of provider "a" is valid until 1970-01-01T00:16:39.999Z.',
    {},
  ],
  [
    { type: "certificate_lifetime", provider: "a", expiresAt: 1_000_000 + 6 * 86_400_000 },
    "warn",
    'The certificate of provider "a" is valid until 1970-01-07T00:16:40.000Z.',
    {},
  ],
  [
    { type: "certificate_lifetime", provider: "a", expiresAt: 1_000_000 + 8 * 86_400_000 },
    "debug",
    'The certificate of provider "a" is valid until 1970-01-09T00:16:40.000Z.',
    {},
  ],
  [
    { type: "batch", provider: "a", verb: "unwrap", size: 7 },
    "debug",
    'Sent 7 unwrap items to provider "a" as one request.',
    { size: 7 },
  ],
  [{ type: "queue", provider: "a", waiting: 2 }, "debug", '2 items wait for provider "a".', { waiting: 2 }],
  [
    { type: "key_id", from: "t1-0", to: "t1-1", provisional: false, reason: "A key was rotated." },
    "info",
    "The key ID is now t1-1: A key was rotated.",
    { from: "t1-0", to: "t1-1", provisional: false },
  ],
  [
    { type: "ready_dek", result: "ok", wrapped: ["a"], missing: [], seconds: 1 },
    "info",
    "A data key was wrapped by every provider.",
    { wrapped: ["a"], missing: [] },
  ],
  [
    { type: "ready_dek", result: "ok", wrapped: ["a"], missing: ["b"], seconds: 1 },
    "warn",
    'A data key was wrapped, but not by "b".',
    {},
  ],
  [
    { type: "ready_dek", result: "unreachable", wrapped: [], missing: ["a"], seconds: 1, message: "No quorum." },
    "warn",
    "No quorum.",
    {},
  ],
  [{ type: "outage", state: "none", policy: "keepWriting", message: "Over." }, "info", "Over.", { state: "none" }],
  [{ type: "outage", state: "outage", policy: "failReady", message: "" }, "warn", "The outage state is outage.", {}],
  [{ type: "outage", state: "outage_past_after", policy: "failReady", message: "Long." }, "error", "Long.", {}],
  [{ type: "outage", state: "refused", policy: "failReady", message: "No." }, "error", "No.", { policy: "failReady" }],
  [{ type: "cache_size", entries: 5 }, "debug", "The unwrap cache holds 5 data keys.", { entries: 5 }],
  [
    { type: "cache_evicted", reason: "lru", reference: "ab" },
    "debug",
    "A data key left the unwrap cache to make room.",
    { reference: "ab" },
  ],
  [
    { type: "cache_evicted", reason: "refused", reference: "ab" },
    "warn",
    "A data key was dropped from the unwrap cache: its KMS refuses to open it.",
    {},
  ],
  [{ type: "socket", action: "failed", path: "/run/s", message: "Gone." }, "error", "Gone.", { path: "/run/s" }],
  [{ type: "socket", action: "bound", path: "/run/s", message: "Bound." }, "info", "Bound.", { action: "bound" }],
  [
    { type: "foreign", format: "trousseau-v1", providers: ["a", "b"] },
    "warn",
    'What trousseau-v1 wrote is read with "a", "b"; take it out of readForeign when nothing of it is left.',
    { format: "trousseau-v1", providers: ["a", "b"] },
  ],
  [
    { type: "telemetry_port", action: "listen_failed", address: "127.0.0.1:8090", message: "Taken." },
    "warn",
    "Taken.",
    { action: "listen_failed", address: "127.0.0.1:8090" },
  ],
  [
    { type: "telemetry_port", action: "listening", address: "127.0.0.1:8090", message: "Open." },
    "info",
    "Open.",
    {},
  ],
  [{ type: "telemetry_port", action: "dropped", address: "127.0.0.1:8090", message: "Closed." }, "warn", "Closed.", {}],
  [
    { type: "state_folder", writable: false, message: "Cannot write to the state folder /s: the disk is full." },
    "error",
    "Cannot write to the state folder /s: the disk is full.",
    { writable: false },
  ],
  [{ type: "state_folder", writable: true, message: "" }, "info", "The state folder can be written again.", {
    writable: true,
  }],
  [{ type: "spans", result: "exported", count: 3, message: "" }, "debug", "Exported 3 spans.", {
    result: "exported",
    count: 3,
  }],
  [
    { type: "spans", result: "unsent", count: 2, message: "Cannot export spans: x." },
    "warn",
    "Cannot export spans: x.",
    {
      result: "unsent",
      count: 2,
    },
  ],
  [{ type: "lifecycle", action: "warning", message: "Careful." }, "warn", "Careful.", { action: "warning" }],
  [{ type: "lifecycle", action: "serving", message: "Serving." }, "info", "Serving.", {}],
];

Deno.test("eventLog() writes each event at its level, with its sentence and fields", () => {
  for (const [event, level, message, fields] of expectations) {
    const line = opened().logged(event);
    assert.ok(line !== undefined, event.type);
    assert.deepEqual([line.level, line.message], [level, message]);
    assert.equal(line.event, event.type);
    for (const [name, value] of Object.entries(fields)) assert.deepEqual(line[name], value, `${event.type}.${name}`);
  }
  const covered = new Set(expectations.map(([event]) => event.type));
  assert.deepEqual([...covered].sort(), Object.keys(eventArbitraries).sort());
});

Deno.test("eventLog() suppresses equal warnings for a minute, then logs their number", () => {
  const { clock, logged } = opened();
  const refused = { ...rpc, result: "integrity", message: "Cannot open it." } as const;
  const levels: unknown[] = [];
  for (let second = 0; second <= 60; second += 20) {
    levels.push([logged({ ...refused, uid: `u-${second}` })?.level, logged(refused)?.repeated]);
    clock.now += 20_000;
  }
  assert.deepEqual(levels.map((entry) => (entry as unknown[])[0]), ["warn", "debug", "debug", "warn"]);
  clock.now += 60_000;
  assert.equal(logged(refused)?.repeated, 1);
});

Deno.test("eventLog() does not count another reason as a repetition", () => {
  const { logged } = opened();
  assert.equal(logged({ ...rpc, result: "integrity", message: "One." })?.level, "warn");
  assert.equal(logged({ ...rpc, result: "integrity", message: "Two." })?.level, "warn");
  assert.equal(logged({ ...rpc, result: "integrity", message: "Two.", operation: "encrypt" })?.level, "warn");
});

Deno.test("eventLog() suppresses a repetition for a minute, independent of the wall clock", () => {
  const { clock, logged } = opened();
  const refused = { ...rpc, result: "integrity" } as const;
  logged(refused);
  for (const ahead of [3 * 3_600_000, -3 * 3_600_000]) {
    clock.ahead = ahead;
    assert.equal(logged(refused)?.level, "debug");
  }
  clock.now += 60_000;
  assert.equal(logged(refused)?.level, "warn");
});

Deno.test("eventLog() logs the expiry of a token by the present wall clock", () => {
  const { clock, logged } = opened();
  clock.ahead = 3_600_000;
  const expiresAt = clock.now + 60_000;
  const told = logged({ type: "token_lifetime", provider: "a", expiresAt });
  assert.equal(told?.expiresAt, new Date(expiresAt + 3_600_000).toISOString());
});

Deno.test("eventLog() logs each change of a state once, for any number and rate of events", () => {
  const { lines, notify } = opened("info");
  const health = fc.constantFrom("well", "sick", "refusing");
  fc.assert(fc.property(fc.array(fc.tuple(fc.constantFrom("a", "b"), health), { maxLength: 60 }), (told) => {
    lines.length = 0;
    const last = new Map<string, string>();
    // Each sequence begins with a distinct state, so that the state of the previous one has no effect.
    const sequence = [["a", "unknown"], ["b", "unknown"], ...told] as const;
    let changes = 0;
    for (const [provider, to] of sequence) {
      if (last.get(provider) !== to) changes++;
      last.set(provider, to);
      notify({ ...sick, provider, to });
    }
    const first = lines.filter((line) => line.to === "unknown").length;
    assert.equal(lines.length - first, changes - 2);
  }));
});

Deno.test("eventLog() keeps the calls of a sick provider out of the log at info", () => {
  const { lines, notify } = opened("info");
  for (let n = 0; n < 1000; n++) {
    notify({ type: "provider_call", ...call, kind: "local", verb: "unwrap", result: "unreachable", message: "Away." });
    notify(sick);
  }
  assert.equal(lines.length, 1);
});

Deno.test("eventLog() accepts any event and writes at most one line", () => {
  const { lines, notify } = opened();
  fc.assert(fc.property(anyEvent, (event) => {
    lines.length = 0;
    notify(event);
    assert.equal(lines.length, 1);
    assert.equal(lines[0]?.event, event.type);
  }));
});

Deno.test("eventLog() warns once of a port that stays in use, and once a minute of dropped connections", () => {
  const { clock, logged } = opened();
  const port = { type: "telemetry_port", address: "127.0.0.1:8090", message: "Taken." } as const;
  const levels = (action: "listening" | "listen_failed" | "dropped") => logged({ ...port, action })?.level;
  assert.deepEqual([levels("listen_failed"), levels("listen_failed")], ["warn", "debug"]);
  assert.deepEqual([levels("dropped"), levels("dropped")], ["warn", "debug"]);
  clock.now += 60_000;
  assert.deepEqual([levels("listen_failed"), levels("dropped")], ["debug", "warn"]);
  assert.deepEqual([levels("listening"), levels("listen_failed")], ["info", "warn"]);
});
