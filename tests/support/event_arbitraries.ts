/**
 * Arbitrary events for tests: one generator per type, free text wherever an event has text.
 *
 * @module
 */
import { foreignFormats } from "../../lib/envelope/foreign_formats.ts";
import fc from "fast-check";
import { type ErrorCode, errorCodes } from "../../lib/base/errors.ts";
import type { Event, Result } from "../../lib/telemetry/events.ts";

/** An event of one type. */
export type EventOf<Type extends Event["type"]> = Extract<Event, { type: Type }>;

/**
 * Any UTF-16 text, with more control characters, quotes, separators, overrides and lone surrogates. It is made of UTF-16
 * units: the library's own strings of code points take seconds to set up.
 */
export const anyText: fc.Arbitrary<string> = fc.array(
  fc.oneof(
    fc.integer({ min: 0x20, max: 0x7e }),
    fc.integer({ min: 0, max: 0xa0 }),
    fc.integer({ min: 0, max: 0xffff }),
    fc.constantFrom(0x0a, 0x1b, 0x22, 0x5c, 0x2028, 0x202e, 0xd800, 0xdc00, 0xfeff),
  ),
  { maxLength: 50 },
).map((units) => String.fromCharCode(...units));

const text = anyText;
const providers = ["vault-eu", "vault-us", "local"] as const;
const seconds = fc.double({ min: 0, max: 20, noNaN: true });
const instant = fc.integer({ min: 0, max: 4_000_000_000_000 });
const provider = fc.constantFrom(...providers);
const kind = fc.constantFrom("vault-transit", "local");
const verb = fc.constantFrom("probe", "wrap", "unwrap");
const result: fc.Arbitrary<Result> = fc.constantFrom("ok", ...Object.keys(errorCodes) as ErrorCode[]);
const health = fc.constantFrom("unknown", "well", "sick", "refusing");
const message = { message: text };
const foreignFormat = fc.constantFrom(...foreignFormats);

/** A generator for each type of event. */
export const eventArbitraries: { readonly [Type in Event["type"]]: fc.Arbitrary<EventOf<Type>> } = {
  rpc: fc.record({
    type: fc.constant("rpc"),
    api: fc.constantFrom("v2", "v1beta1", "sops"),
    operation: fc.constantFrom("status", "encrypt", "decrypt"),
    result,
    seconds,
    uid: text,
    keyId: text,
    providers: fc.array(fc.record({ name: provider, version: text }), { maxLength: 3 }),
    cache: fc.constantFrom("hit", "miss", "shared", "stale"),
    foreign: foreignFormat,
    message: text,
    cause: text,
  }, { requiredKeys: ["type", "api", "operation", "result", "seconds", "uid", "keyId", "providers"] }),
  api_request: fc.record({ type: fc.constant("api_request"), route: text, outcome: text, seconds }),
  provider_call: fc.record({ type: fc.constant("provider_call"), provider, kind, verb, result, seconds, ...message }),
  provider_health: fc.record({
    type: fc.constant("provider_health"),
    provider,
    kind,
    from: health,
    to: health,
    result,
    ...message,
  }),
  login: fc.record({
    type: fc.constant("login"),
    provider,
    method: fc.constantFrom("token", "approle"),
    result,
    seconds,
    ...message,
  }),
  token_renewed: fc.record({ type: fc.constant("token_renewed"), provider, result, seconds, ...message }),
  token_lifetime: fc.record({
    type: fc.constant("token_lifetime"),
    provider,
    expiresAt: fc.option(instant, { nil: undefined }),
  }),
  certificate_lifetime: fc.record({ type: fc.constant("certificate_lifetime"), provider, expiresAt: instant }),
  batch: fc.record({ type: fc.constant("batch"), provider, verb, size: fc.nat(300) }),
  queue: fc.record({ type: fc.constant("queue"), provider, waiting: fc.nat(300) }),
  key_id: fc.record({
    type: fc.constant("key_id"),
    from: fc.option(text, { nil: undefined }),
    to: text,
    provisional: fc.boolean(),
    reason: text,
  }),
  ready_dek: fc.record({
    type: fc.constant("ready_dek"),
    result,
    wrapped: fc.subarray([...providers]),
    missing: fc.subarray([...providers]),
    seconds,
    ...message,
  }),
  outage: fc.record({
    type: fc.constant("outage"),
    state: fc.constantFrom("none", "outage", "outage_past_after", "refused"),
    policy: fc.constantFrom("keepWriting", "failReady", "failClosed"),
    ...message,
  }),
  cache_size: fc.record({ type: fc.constant("cache_size"), entries: fc.nat(4096) }),
  cache_evicted: fc.record({
    type: fc.constant("cache_evicted"),
    reason: fc.constantFrom("lru", "age", "refused"),
    reference: text,
  }),
  socket: fc.record({
    type: fc.constant("socket"),
    action: fc.constantFrom(
      "bound",
      "rebound",
      "taken_over",
      "stale_removed",
      "lost",
      "unlinked",
      "lock_acquired",
      "accept_refused",
      "silent",
      "answering",
      "failed",
    ),
    path: text,
    ...message,
  }),
  telemetry_port: fc.record({
    type: fc.constant("telemetry_port"),
    action: fc.constantFrom("listening", "listen_failed", "accept_failed", "dropped"),
    address: fc.constantFrom("127.0.0.1:8090", "[::1]:8090"),
    ...message,
  }),
  state_folder: fc.record({ type: fc.constant("state_folder"), writable: fc.boolean(), ...message }),
  foreign: fc.record({
    type: fc.constant("foreign"),
    format: foreignFormat,
    providers: fc.subarray([...providers]),
  }),
  spans: fc.record({
    type: fc.constant("spans"),
    result: fc.constantFrom("exported", "queue_full", "refused", "unsent"),
    count: fc.nat(5000),
    ...message,
  }),
  lifecycle: fc.record({
    type: fc.constant("lifecycle"),
    action: fc.constantFrom("starting", "serving", "reloaded", "stopping", "stopped", "warning"),
    ...message,
  }),
};

/** Any event. */
export const anyEvent: fc.Arbitrary<Event> = fc.oneof(...Object.values(eventArbitraries));
