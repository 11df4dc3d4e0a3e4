/**
 * Metrics of a plugin, their samples by name and labels, and the events that change them.
 *
 * @module
 */
import type { Event } from "../../lib/telemetry/events.ts";
import type { ProviderStatus, ServiceStatus } from "../../lib/services/kms/service.ts";
import { createMetrics, type MetricsOptions } from "../../lib/telemetry/metrics.ts";
import { kmsGauges } from "../../lib/services/kms/status_metrics.ts";
import { wellStatus } from "./fake_service.ts";

/** A provider whose last call succeeded. */
export const well: ProviderStatus = {
  name: "vault-eu",
  kind: "vault-transit",
  health: "well",
  message: "",
  code: "ok",
  since: 0,
  lastGoodAt: 2_500,
  version: "3",
  lacksWrapSince: undefined,
};

/** A status of two providers, without data keys of another node. */
export const status: ServiceStatus = {
  ...wellStatus,
  keyId: "t1-00112233445566778899aabbccddeeff",
  provisional: true,
  message: "",
  quorum: { state: "held" },
  needed: 2,
  providers: [well, { ...well, name: "local", kind: "local", health: "sick", lacksWrapSince: 4_000 }],
  retired: [],
  wrapOnly: [],
  recoveryKeyLoaded: false,
  graceOnOutageMs: 86_400_000,
  canEncrypt: true,
  sealedVersions: [],
};

/** Metrics on a clock that a test sets. */
export function opened(options: Partial<MetricsOptions> = {}) {
  const clock = { now: 10_000, ahead: 0 };
  const lost = { audit: 0, log: 0 };
  const times = { now: () => clock.now, wall: () => clock.now + clock.ahead };
  const requests = { routes: ["secret.read"], outcomes: ["ok", "forbidden"] };
  const countable = { apis: {}, providers: [], requests, traces: true };
  const metrics = createMetrics({ version: "1.2.3", clock: times, linesLost: () => lost, countable, ...options });
  return { clock, lost, metrics };
}

/** The value of each sample, by `name{labels}`. */
export async function samples(metrics: ReturnType<typeof createMetrics>, now = status) {
  const lines = (await metrics.render(kmsGauges(now, 10_000))).split("\n").filter((line) =>
    line !== "" && !line.startsWith("#")
  );
  return new Map(lines.map((line) => {
    const cut = line.lastIndexOf(" ");
    return [line.slice(0, cut), Number(line.slice(cut + 1))] as const;
  }));
}

export const call = { provider: "a", kind: "local", result: "ok", seconds: 0.0002 } as const;

export const rpc = {
  type: "rpc",
  api: "v2",
  operation: "decrypt",
  result: "ok",
  seconds: 0.0002,
  uid: "u",
  keyId: "k",
  providers: [],
  cache: "hit",
} as const satisfies Event;

/** The samples that each event changes, and their values. */
export const expectations: readonly (readonly [Event, Readonly<Record<string, number | undefined>>])[] = [
  [rpc, {
    'trousseau_rpc_duration_seconds_count{api="v2",operation="decrypt",result="ok"}': 1,
    'trousseau_rpc_duration_seconds_bucket{le="0.0001",api="v2",operation="decrypt",result="ok"}': 0,
    'trousseau_rpc_duration_seconds_bucket{le="0.00025",api="v2",operation="decrypt",result="ok"}': 1,
    'trousseau_rpc_duration_seconds_bucket{le="10",api="v2",operation="decrypt",result="ok"}': 1,
    'trousseau_cache_requests_total{result="hit"}': 1,
    'trousseau_rpcs_total{api="v2",operation="decrypt",result="ok"}': 1,
  }],
  [{ type: "api_request", route: "secret.read", outcome: "forbidden", seconds: 0.0002 }, {
    'trousseau_keyring_requests_total{route="secret.read",outcome="forbidden"}': 1,
    'trousseau_keyring_request_duration_seconds_bucket{le="0.0001",route="secret.read"}': 0,
    'trousseau_keyring_request_duration_seconds_bucket{le="0.00025",route="secret.read"}': 1,
  }],
  [{ type: "api_request", route: "db/prod", outcome: "hunter2", seconds: 1 }, {
    'trousseau_keyring_requests_total{route="other",outcome="other"}': 1,
    'trousseau_keyring_request_duration_seconds_count{route="other"}': 1,
  }],
  [{ type: "provider_call", ...call, verb: "unwrap" }, {
    'trousseau_provider_call_duration_seconds_count{provider="a",kind="local",verb="unwrap",result="ok"}': 1,
  }],
  [
    {
      type: "provider_health",
      provider: "a",
      kind: "local",
      from: "well",
      to: "sick",
      result: "unreachable",
      message: "",
    },
    { 'trousseau_provider_health_changes_total{provider="a",kind="local",to="sick"}': 1 },
  ],
  [{ type: "login", provider: "a", method: "jwt", result: "permission_denied", seconds: 1 }, {
    'trousseau_logins_total{provider="a",method="jwt",result="permission_denied"}': 1,
  }],
  [{ type: "token_renewed", provider: "a", result: "ok", seconds: 1 }, {
    'trousseau_token_renewals_total{provider="a",result="ok"}': 1,
  }],
  [{ type: "token_lifetime", provider: "a", expiresAt: 70_000 }, {
    'trousseau_token_lifetime_seconds{provider="a"}': 60,
  }],
  [{ type: "certificate_lifetime", provider: "a", expiresAt: 5_000 }, {
    'trousseau_certificate_lifetime_seconds{provider="a"}': -5,
  }],
  [{ type: "batch", provider: "a", verb: "wrap", size: 3 }, {
    'trousseau_batch_items_bucket{le="2",provider="a",verb="wrap"}': 0,
    'trousseau_batch_items_bucket{le="4",provider="a",verb="wrap"}': 1,
    'trousseau_batch_items_sum{provider="a",verb="wrap"}': 3,
  }],
  [{ type: "queue", provider: "a", waiting: 9 }, { 'trousseau_queue_items{provider="a"}': 9 }],
  [{ type: "key_id", from: undefined, to: "t1", provisional: false, reason: "" }, {
    "trousseau_key_id_changes_total": 1,
  }],
  [{ type: "ready_dek", result: "quorum_not_reached", wrapped: [], missing: ["a"], seconds: 1 }, {
    'trousseau_ready_dek_duration_seconds_count{result="quorum_not_reached"}': 1,
  }],
  [{ type: "outage", state: "outage_past_after", policy: "failReady", message: "" }, {
    'trousseau_outage{state="none"}': 0,
    'trousseau_outage{state="outage"}': 0,
    'trousseau_outage{state="outage_past_after"}': 1,
    'trousseau_outage{state="refused"}': 0,
  }],
  [{ type: "cache_size", entries: 12 }, { "trousseau_cache_entries": 12 }],
  [{ type: "cache_evicted", reason: "refused", reference: "ab" }, {
    'trousseau_cache_evictions_total{reason="refused"}': 1,
  }],
  [{ type: "socket", action: "rebound", path: "/run/s", message: "" }, {
    'trousseau_socket_events_total{action="rebound"}': 1,
  }],
  [{ ...rpc, foreign: "trousseau-v1" }, { 'trousseau_foreign_reads_total{format="trousseau-v1"}': 1 }],
  [{ type: "foreign", format: "vault-kubernetes-kms", providers: ["a"] }, {
    'trousseau_foreign_reads_total{format="vault-kubernetes-kms"}': 0,
  }],
  [{ type: "telemetry_port", action: "listen_failed", address: "127.0.0.1:8090", message: "" }, {
    'trousseau_telemetry_port_events_total{action="listen_failed"}': 1,
  }],
  [{ type: "state_folder", writable: false, message: "canary" }, { "trousseau_state_folder_failures_total": 1 }],
  [{ type: "state_folder", writable: true, message: "" }, { "trousseau_state_folder_failures_total": 0 }],
  [{ type: "spans", result: "exported", count: 3, message: "" }, { 'trousseau_spans_total{result="exported"}': 3 }],
  [{ type: "lifecycle", action: "serving", message: "" }, {}],
];
