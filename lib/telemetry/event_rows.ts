/**
 * The table of log entries: one row for each type of event.
 *
 * @module
 */
import { rfc3339, type WallTimes } from "../base/clock.ts";
import type { Event } from "./events.ts";
import type { Fields, LogLevel } from "./log.ts";
import { className } from "./text.ts";

/** An event of one type. */
type EventOf<Type extends Event["type"]> = Extract<Event, { type: Type }>;

/** The log entry of one type of event. */
export interface Row<E> {
  level(event: E, times: WallTimes): LogLevel;
  /** The message: one sentence with its full stop. */
  sentence(event: E): string;
  /** The fields, each picked by name, so that other members of an event are not logged. */
  fields(event: E, times: WallTimes): Fields;
  /** The state that an event reports. It is logged at its level when it changes, otherwise at debug. */
  state?(event: E, times: WallTimes): readonly [subject: string, state: string];
  /**
   * For an event that can occur with every call: the key by which warnings are equal. Equal warnings are logged once a
   * minute, otherwise at debug. `undefined` if the event is always logged.
   */
  repeats?(event: E): string | undefined;
}

const day = 86_400_000;
const minute = 60_000;

/** A row for each type of event. A missing row is a compile error. */
export const eventRows = {
  rpc: {
    level: ({ result }) =>
      result === "ok" || result === "cancelled" ? "debug" : result === "internal" ? "error" : "warn",
    sentence: (e) => e.message ?? (e.result === "ok" ? `Answered ${e.operation}.` : `Refused ${e.operation}.`),
    fields: (e) => ({
      api: e.api,
      operation: e.operation,
      result: e.result,
      uid: e.uid,
      keyId: e.keyId,
      providers: e.providers?.map(({ name, version }) => `${name}@${version}`),
      cache: e.cache,
      format: e.foreign,
      durationMs: milliseconds(e.seconds),
      cause: e.cause === undefined ? undefined : className(e.cause),
    }),
    repeats: (e) => `${e.api} ${e.operation} ${e.result} ${e.message ?? ""}`,
  },
  provider_call: {
    level: () => "debug",
    sentence: (e) => e.message ?? `Provider "${e.provider}" answered ${e.verb}.`,
    fields: (e) => ({
      provider: e.provider,
      kind: e.kind,
      verb: e.verb,
      result: e.result,
      durationMs: milliseconds(e.seconds),
    }),
  },
  provider_health: {
    level: ({ to }) => to === "well" || to === "unknown" ? "info" : "warn",
    sentence: (e) => withReason(`Provider "${e.provider}" is ${e.to}`, e.message),
    fields: (e) => ({ provider: e.provider, kind: e.kind, from: e.from, to: e.to, result: e.result }),
    state: (e) => [e.provider, `${e.to} ${e.result}`],
  },
  login: {
    level: ({ result }) => result === "ok" ? "info" : "warn",
    sentence: (e) =>
      e.result === "ok"
        ? `Logged in to provider "${e.provider}".`
        : e.message ?? `Cannot log in to provider "${e.provider}".`,
    fields: (e) => ({
      provider: e.provider,
      method: e.method,
      result: e.result,
      durationMs: milliseconds(e.seconds),
    }),
    repeats: (e) => `${e.provider} ${e.method} ${e.result} ${e.message ?? ""}`,
  },
  token_renewed: {
    level: ({ result }) => result === "ok" ? "debug" : "warn",
    sentence: (e) =>
      e.result === "ok"
        ? `Renewed the token of provider "${e.provider}".`
        : e.message ?? `Cannot renew the token of provider "${e.provider}".`,
    fields: (e) => ({ provider: e.provider, result: e.result, durationMs: milliseconds(e.seconds) }),
    repeats: (e) => `${e.provider} ${e.result} ${e.message ?? ""}`,
  },
  token_lifetime: {
    level: () => "debug",
    sentence: (e) =>
      `The token of provider "${e.provider}" ${e.expiresAt === undefined ? "does not expire" : "has a new expiry"}.`,
    fields: (e, times) => ({
      provider: e.provider,
      expiresAt: e.expiresAt === undefined ? undefined : rfc3339(times.of(e.expiresAt)),
    }),
  },
  certificate_lifetime: {
    level: (e, times) => ({ expired: "error", soon: "warn", fine: "debug" } as const)[expiry(e.expiresAt, times)],
    sentence: (e) => `The certificate of provider "${e.provider}" is valid until ${rfc3339(e.expiresAt)}.`,
    fields: (e) => ({ provider: e.provider, expiresAt: rfc3339(e.expiresAt) }),
    state: (e, times) => [e.provider, expiry(e.expiresAt, times)],
  },
  batch: {
    level: () => "debug",
    sentence: (e) => `Sent ${e.size} ${e.verb} items to provider "${e.provider}" as one request.`,
    fields: (e) => ({ provider: e.provider, verb: e.verb, size: e.size }),
  },
  queue: {
    level: () => "debug",
    sentence: (e) => `${e.waiting} items wait for provider "${e.provider}".`,
    fields: (e) => ({ provider: e.provider, waiting: e.waiting }),
  },
  key_id: {
    level: () => "info",
    sentence: (e) => withReason(`The key ID is now ${e.to}`, e.reason),
    fields: (e) => ({ from: e.from, to: e.to, provisional: e.provisional }),
  },
  ready_dek: {
    level: (e) => e.result === "ok" && e.missing.length === 0 ? "info" : "warn",
    sentence: (e) => readyDekSentence(e),
    fields: (e) => ({
      result: e.result,
      wrapped: e.wrapped,
      missing: e.missing,
      durationMs: milliseconds(e.seconds),
    }),
    state: (e) => ["", `${e.result} ${[...e.missing].sort().join(" ")}`],
  },
  outage: {
    level: ({ state }) =>
      ({ none: "info", outage: "warn", outage_past_after: "error", refused: "error" } as const)[state],
    sentence: (e) => e.message === "" ? `The outage state is ${e.state}.` : e.message,
    fields: (e) => ({ state: e.state, policy: e.policy }),
    state: (e) => ["", e.state],
  },
  cache_size: {
    level: () => "debug",
    sentence: (e) => `The unwrap cache holds ${e.entries} data keys.`,
    fields: (e) => ({ entries: e.entries }),
  },
  cache_evicted: {
    level: ({ reason }) => reason === "refused" ? "warn" : "debug",
    sentence: (e) => evictedSentences[e.reason],
    fields: (e) => ({ reason: e.reason, reference: e.reference }),
    repeats: (e) => e.reason,
  },
  socket: {
    level: ({ action }) => socketLevels[action],
    sentence: (e) => e.message,
    fields: (e) => ({ action: e.action, path: e.path }),
    // With no descriptor left, accepted and refused connections can alternate.
    repeats: (e) => e.action === "accept_refused" ? e.action : undefined,
  },
  telemetry_port: {
    level: ({ action }) => action === "listening" ? "info" : "warn",
    sentence: (e) => e.message,
    fields: (e) => ({ action: e.action, address: e.address }),
    // A refused or closed connection is not a lasting state: it is logged once a minute.
    state: (e, times) =>
      e.action === "listening" || e.action === "listen_failed"
        ? [e.address, `${e.action} ${e.message}`]
        : [`${e.action} ${e.address}`, String(Math.floor(times.now() / minute))],
  },
  api_request: {
    level: () => "debug",
    sentence: ({ route }) => `Answered ${route}.`,
    fields: (e) => ({ route: e.route, outcome: e.outcome, durationMs: milliseconds(e.seconds) }),
  },
  state_folder: {
    level: ({ writable }) => writable ? "info" : "error",
    sentence: (e) => e.writable ? "The state folder can be written again." : e.message,
    fields: (e) => ({ writable: e.writable }),
    state: (e) => ["", `${e.writable} ${e.message}`],
  },
  foreign: {
    level: () => "warn",
    sentence: (e) =>
      `What ${e.format} wrote is read with ${e.providers.map((name) => `"${name}"`).join(", ")}; ` +
      "take it out of readForeign when nothing of it is left.",
    fields: (e) => ({ format: e.format, providers: e.providers }),
  },
  spans: {
    level: ({ result }) => result === "exported" ? "debug" : "warn",
    sentence: (e) => e.message === "" ? `Exported ${e.count} spans.` : e.message,
    fields: (e) => ({ result: e.result, count: e.count }),
    repeats: (e) => `${e.result} ${e.message}`,
  },
  lifecycle: {
    level: ({ action }) => action === "warning" ? "warn" : "info",
    sentence: (e) => e.message,
    fields: (e) => ({ action: e.action }),
  },
} as const satisfies { readonly [Type in Event["type"]]: Row<EventOf<Type>> };

const socketLevels = {
  bound: "info",
  rebound: "warn",
  taken_over: "info",
  stale_removed: "warn",
  lost: "warn",
  unlinked: "info",
  lock_acquired: "debug",
  accept_refused: "error",
  silent: "error",
  answering: "info",
  failed: "error",
} as const satisfies Record<EventOf<"socket">["action"], LogLevel>;

const evictedSentences = {
  lru: "A data key left the unwrap cache to make room.",
  age: "A data key left the unwrap cache at the end of its lifetime.",
  refused: "A data key was dropped from the unwrap cache: its KMS refuses to open it.",
} as const satisfies Record<EventOf<"cache_evicted">["reason"], string>;

function withReason(statement: string, reason: string): string {
  return reason === "" ? `${statement}.` : `${statement}: ${reason}`;
}

function readyDekSentence(event: EventOf<"ready_dek">): string {
  if (event.result !== "ok") return event.message ?? "Cannot prepare a data key.";
  if (event.missing.length === 0) return "A data key was wrapped by every provider.";
  return `A data key was wrapped, but not by ${event.missing.map((name) => `"${name}"`).join(", ")}.`;
}

function expiry(expiresAt: number, times: WallTimes): "expired" | "soon" | "fine" {
  const now = times.now();
  return expiresAt <= now ? "expired" : expiresAt - now < 7 * day ? "soon" : "fine";
}

function milliseconds(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e3;
}
