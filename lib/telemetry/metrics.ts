/**
 * Counts events as Prometheus metrics. Every label has a bounded set of values: closed unions and the configured names of
 * providers. No label holds text of an error, of a client or of a KMS.
 *
 * @module
 */
import { Counter, Gauge, Histogram, Registry } from "./prometheus.ts";
import type { Times } from "../base/clock.ts";
import { errorCodes } from "../base/errors.ts";
import type { Event, Notify, Result } from "./events.ts";
import { type GaugeRow, gaugeSetter } from "./gauges.ts";
import {
  cacheResults,
  type Countable,
  evictionReasons,
  healthStates,
  portActions,
  providerVerbs,
  results,
  socketActions,
} from "./label_values.ts";
import { observeProcess, type ProcessMetricsOptions } from "./process_metrics.ts";
import { spanCounters } from "./span_metrics.ts";
import { talliedCounter, talliedHistogram } from "./tallies.ts";

// 100 µs to 10 s: an answer from memory takes fractions of a millisecond, and kube-apiserver's deadline is 3 s.
const seconds = [
  0.0001,
  0.00025,
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
];

/** The content type of the text of {@linkcode Metrics.render}. */
export const metricsContentType = "text/plain; version=0.0.4; charset=utf-8";

/** The metrics of a process. */
export interface Metrics {
  /** Counts an event. */
  readonly observe: Notify;
  /** Renders all metrics in Prometheus' text format. @param rows the gauges of the service's status. */
  render(rows: readonly GaugeRow[]): Promise<string>;
}

/** Options of the metrics. */
export interface MetricsOptions extends ProcessMetricsOptions {
  /** The label values whose counters are exported as 0 from the start; none if left out. */
  readonly countable?: Countable;
}

type EventOf<Type extends Event["type"]> = Extract<Event, { type: Type }>;
type Counters = { readonly [Type in Event["type"]]: (event: EventOf<Type>) => void };

/** Makes metrics with their own registry. Nothing is shared with other metrics in the same process. */
export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  const expiries = lifetimes(registry, options.clock);
  const countable = options.countable ?? { apis: {}, providers: [] };
  const counters = {
    ...rpcCounters(registry, countable),
    ...providerCounters(registry, countable),
    ...ringCounters(registry),
    ...requestCounters(registry, countable),
    ...spanCounters(registry, countable),
    ...expiries,
  } satisfies Counters;
  const setGauges = gaugeSetter(registry);
  const updateProcess = observeProcess(registry, options);
  return {
    observe(event) {
      // The counter accepts this type of event. The compiler cannot infer that from the union.
      (counters[event.type] as (event: Event) => void)(event);
    },
    render(rows) {
      setGauges(rows);
      updateProcess();
      return registry.metrics();
    },
  };
}

/** Enforces the type at run time: a result that is not in the error table becomes `internal`. */
function bounded(result: Result): Result {
  return result === "ok" || Object.hasOwn(errorCodes, result) ? result : "internal";
}

function rpcCounters(registry: Registry, { apis }: Countable) {
  const registers = [registry];
  const rpc = talliedHistogram(registry, {
    name: "trousseau_rpc_duration_seconds",
    help: "Calls of kube-apiserver or sops by API, operation and result, with the time until their answer.",
    labelNames: ["api", "operation", "result"],
  }, seconds);
  const calls = talliedCounter(registry, {
    name: "trousseau_rpcs_total",
    help: "Calls of kube-apiserver or sops by API, operation and result.",
    labelNames: ["api", "operation", "result"],
  });
  const cache = talliedCounter(registry, {
    name: "trousseau_cache_requests_total",
    help: "Decrypts by how they came by their data key; stale is a cached one served on while its KMS is away.",
    labelNames: ["result"],
  });
  const foreign = new Counter({
    name: "trousseau_foreign_reads_total",
    help: "Decrypts of what another plugin wrote, refused ones included, by its format.",
    labelNames: ["format"],
    registers,
  });
  for (const [api, operations] of Object.entries(apis)) {
    for (const operation of operations) {
      // Only `ok` of the histogram: each label set of a histogram has about twenty samples.
      rpc.zero([api, operation, "ok"]);
      for (const result of results) calls([api, operation, result], 0);
    }
  }
  for (const result of cacheResults) cache([result], 0);
  return {
    rpc({ api, operation, result, seconds, cache: how, foreign: format }) {
      const values = [api, operation, bounded(result)];
      calls(values, 1);
      rpc.observe(values, seconds);
      if (how !== undefined) cache([how], 1);
      if (format !== undefined) foreign.inc({ format });
    },
    // A configured format is exported as 0 before the first read.
    foreign: ({ format }) => foreign.inc({ format }, 0),
  } satisfies Partial<Counters>;
}

/** The label of a value that is in no list. */
const other = "other";

function requestCounters(registry: Registry, { requests }: Countable) {
  // A service without an API has no metric of it.
  if (requests === undefined) return { api_request: () => undefined } satisfies Partial<Counters>;
  const registers = [registry];
  const [routes, outcomes] = [new Set(requests.routes), new Set(requests.outcomes)];
  const calls = new Counter({
    name: "trousseau_keyring_requests_total",
    help: "Requests to the keyring's API by route, as the audit names it, and outcome: ok or the code of the problem.",
    labelNames: ["route", "outcome"],
    registers,
  });
  const durations = new Histogram({
    name: "trousseau_keyring_request_duration_seconds",
    help: "Requests to the keyring's API by route, with the time until the head of their answer.",
    labelNames: ["route"],
    buckets: seconds,
    registers,
  });
  for (const route of routes) calls.inc({ route, outcome: "ok" }, 0);
  return {
    api_request({ route: named, outcome, seconds }) {
      const route = routes.has(named) ? named : other;
      calls.inc({ route, outcome: outcomes.has(outcome) ? outcome : other });
      durations.observe({ route }, seconds);
    },
  } satisfies Partial<Counters>;
}

function providerCounters(registry: Registry, { providers }: Countable) {
  const registers = [registry];
  const durations = talliedHistogram(registry, {
    name: "trousseau_provider_call_duration_seconds",
    help: "Calls to a KMS by verb and result, with the time until their answer.",
    labelNames: ["provider", "kind", "verb", "result"],
  }, seconds);
  const calls = talliedCounter(registry, {
    name: "trousseau_provider_calls_total",
    help: "Calls to a KMS by verb and result.",
    labelNames: ["provider", "kind", "verb", "result"],
  });
  const changes = new Counter({
    name: "trousseau_provider_health_changes_total",
    help: "Changes of a provider's health, by the state it came to.",
    labelNames: ["provider", "kind", "to"],
    registers,
  });
  const logins = new Counter({
    name: "trousseau_logins_total",
    help: "Logins to a KMS by method and result.",
    labelNames: ["provider", "method", "result"],
    registers,
  });
  const renewals = new Counter({
    name: "trousseau_token_renewals_total",
    help: "Renewals of a token by result.",
    labelNames: ["provider", "result"],
    registers,
  });
  const batches = talliedHistogram(registry, {
    name: "trousseau_batch_items",
    help: "Items that travelled in one request to a KMS.",
    labelNames: ["provider", "verb"],
  }, [1, 2, 4, 8, 16, 32, 64, 128, 256]);
  const queue = new Gauge({
    name: "trousseau_queue_items",
    help: "Items that wait for their turn to be sent to a KMS.",
    labelNames: ["provider"],
    registers,
  });
  for (const { name: provider, kind, method } of providers) {
    for (const verb of providerVerbs) {
      durations.zero([provider, kind, verb, "ok"]);
      for (const result of results) calls([provider, kind, verb, result], 0);
    }
    for (const to of healthStates) changes.inc({ provider, kind, to }, 0);
    if (method === undefined) continue;
    for (const result of results) {
      logins.inc({ provider, method, result }, 0);
      renewals.inc({ provider, result }, 0);
    }
  }
  return {
    provider_call({ provider, kind, verb, result, seconds }) {
      const values = [provider, kind, verb, bounded(result)];
      calls(values, 1);
      durations.observe(values, seconds);
    },
    provider_health: ({ provider, kind, to }) => changes.inc({ provider, kind, to }),
    login: ({ provider, method, result }) => logins.inc({ provider, method, result: bounded(result) }),
    token_renewed: ({ provider, result }) => renewals.inc({ provider, result: bounded(result) }),
    batch: ({ provider, verb, size }) => batches.observe([provider, verb], size),
    queue: ({ provider, waiting }) => queue.set({ provider }, waiting),
  } satisfies Partial<Counters>;
}

function ringCounters(registry: Registry) {
  const registers = [registry];
  const ready = new Histogram({
    name: "trousseau_ready_dek_duration_seconds",
    help: "Preparations of a data key by result, with the time that the wrap quorum took.",
    labelNames: ["result"],
    buckets: seconds,
    registers,
  });
  const made = new Counter({
    name: "trousseau_ready_deks_total",
    help: "Preparations of a data key by result.",
    labelNames: ["result"],
    registers,
  });
  const keyIds = new Counter({
    name: "trousseau_key_id_changes_total",
    help: "Key IDs announced since the start.",
    registers,
  });
  const outage = new Gauge({
    name: "trousseau_outage",
    help: "1 for the state that the wrap quorum is in.",
    labelNames: ["state"],
    registers,
  });
  const outages = (now: EventOf<"outage">["state"]) => {
    for (const state of ["none", "outage", "outage_past_after", "refused"] as const) {
      outage.set({ state }, state === now ? 1 : 0);
    }
  };
  outages("none");
  const entries = new Gauge({
    name: "trousseau_cache_entries",
    help: "Data keys in the unwrap cache.",
    registers,
  });
  const evictions = talliedCounter(registry, {
    name: "trousseau_cache_evictions_total",
    help: "Data keys that left the unwrap cache, by the reason.",
    labelNames: ["reason"],
  });
  const sockets = new Counter({
    name: "trousseau_socket_events_total",
    help: "What happened to the socket that kube-apiserver or sops calls.",
    labelNames: ["action"],
    registers,
  });
  const port = new Counter({
    name: "trousseau_telemetry_port_events_total",
    help:
      "What happened to the port of telemetry.listen or sops.listen: tries that failed, connections that were closed.",
    labelNames: ["action"],
    registers,
  });
  const unwritable = new Counter({
    name: "trousseau_state_folder_failures_total",
    help: "How often the state folder was found not to be writable, while it was before.",
    registers,
  });
  const answering = new Gauge({
    name: "trousseau_socket_answering",
    help: "1 if the plugin's own question at its socket was answered; it asks every two seconds.",
    registers,
  });
  answering.set(1);
  ready.zero({ result: "ok" });
  for (const result of results) made.inc({ result }, 0);
  for (const reason of evictionReasons) evictions([reason], 0);
  for (const action of socketActions) sockets.inc({ action }, 0);
  for (const action of portActions) port.inc({ action }, 0);
  return {
    telemetry_port: ({ action }) => port.inc({ action }),
    ready_dek({ result, seconds }) {
      ready.observe({ result: bounded(result) }, seconds);
      made.inc({ result: bounded(result) });
    },
    key_id: () => keyIds.inc(),
    outage: ({ state }) => outages(state),
    cache_size: ({ entries: count }) => entries.set(count),
    cache_evicted: ({ reason }) => evictions([reason], 1),
    socket({ action }) {
      sockets.inc({ action });
      if (action === "silent") answering.set(0);
      if (action === "answering") answering.set(1);
    },
    state_folder({ writable }) {
      if (!writable) unwritable.inc();
    },
    lifecycle: () => undefined,
  } satisfies Partial<Counters>;
}

/** Gauges of the remaining lifetimes, computed when the metrics are rendered. */
function lifetimes(registry: Registry, clock: Times) {
  const expiring = (name: string, help: string, left: (expiresAt: number) => number) => {
    const expiries = new Map<string, number>();
    new Gauge({
      name,
      help,
      labelNames: ["provider"],
      registers: [registry],
      collect() {
        this.reset();
        for (const [provider, at] of expiries) this.set({ provider }, left(at) / 1000);
      },
    });
    return ({ provider, expiresAt }: { provider: string; expiresAt: number | undefined }) => {
      if (expiresAt === undefined) expiries.delete(provider);
      else expiries.set(provider, expiresAt);
    };
  };
  return {
    token_lifetime: expiring(
      "trousseau_token_lifetime_seconds",
      "Time until the token of a provider expires, 0 once it has; a token that does not expire has no value.",
      // The expiry is a time of the monotonic clock, so that steps of the wall clock have no effect.
      (expiresAt) => Math.max(0, expiresAt - clock.now()),
    ),
    certificate_lifetime: expiring(
      "trousseau_certificate_lifetime_seconds",
      "Time until the client certificate of a provider expires, by the machine's clock; below 0 once it has.",
      (expiresAt) => expiresAt - clock.wall(),
    ),
  } satisfies Partial<Counters>;
}
