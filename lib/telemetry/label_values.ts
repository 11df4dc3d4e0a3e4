/**
 * The closed sets of label values. Each counter is exported as 0 before its first event: a counter that appears with its
 * first event shows no increase in `rate()`.
 *
 * @module
 */
import { type ErrorCode, errorCodes } from "../base/errors.ts";
import type { CacheResult, Event, HealthState, ProviderVerb, Result, SpanResult } from "./events.ts";

type EventOf<Type extends Event["type"]> = Extract<Event, { type: Type }>;

/** The label values of a provider. */
export interface MetricsProvider {
  readonly name: string;
  readonly kind: string;
  /** The login method; `undefined` if the provider has none. */
  readonly method: string | undefined;
}

/** The label values of a process's counters. */
export interface Countable {
  /** The APIs that it serves, and the operations of each. */
  readonly apis: Readonly<Record<string, readonly string[]>>;
  readonly providers: readonly MetricsProvider[];
  /** The routes of an API over HTTP, and the outcomes of its requests; left out by a service without one. */
  readonly requests?: { readonly routes: readonly string[]; readonly outcomes: readonly string[] };
  /** Whether it exports traces; left out by a service that does not. */
  readonly traces?: boolean;
}

/** Lists all values of a union. A missing value is a compile error. */
function every<Value extends string>(values: Readonly<Record<Value, true>>): readonly Value[] {
  return Object.keys(values) as Value[];
}

/** All values of {@linkcode Result}. */
export const results: readonly Result[] = ["ok", ...Object.keys(errorCodes) as ErrorCode[]];
/** All values of {@linkcode ProviderVerb}. */
export const providerVerbs = every<ProviderVerb>({ probe: true, wrap: true, unwrap: true });
/** All values of {@linkcode SpanResult}. */
export const spanResults = every<SpanResult>({ exported: true, queue_full: true, refused: true, unsent: true });
/** All values of {@linkcode HealthState}. */
export const healthStates = every<HealthState>({ unknown: true, well: true, sick: true, refusing: true });
/** All values of {@linkcode CacheResult}. */
export const cacheResults = every<CacheResult>({ hit: true, miss: true, shared: true, stale: true });
/** All reasons of a `cache_evicted` event. */
export const evictionReasons = every<EventOf<"cache_evicted">["reason"]>({
  lru: true,
  age: true,
  refused: true,
});
/** All actions of a `telemetry_port` event. */
export const portActions = every<EventOf<"telemetry_port">["action"]>({
  listening: true,
  listen_failed: true,
  accept_failed: true,
  dropped: true,
});
/** All actions of a `socket` event. */
export const socketActions = every<EventOf<"socket">["action"]>({
  bound: true,
  rebound: true,
  taken_over: true,
  stale_removed: true,
  lost: true,
  unlinked: true,
  lock_acquired: true,
  accept_refused: true,
  silent: true,
  answering: true,
  failed: true,
});
