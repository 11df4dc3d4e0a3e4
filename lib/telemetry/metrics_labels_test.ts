import assert from "node:assert/strict";
import fc from "fast-check";
import { errorCodes } from "../base/errors.ts";
import type { Event } from "./events.ts";
import { anyEvent, anyText } from "../../tests/support/event_arbitraries.ts";
import { kmsOperations } from "../services/kms/rpc_event.ts";
import { kmsGauges } from "../services/kms/status_metrics.ts";
import { call, expectations, opened, rpc, samples, status } from "../../tests/support/metric_samples.ts";

Deno.test("createMetrics() has each counter of a closed set at 0 from the start", async () => {
  const providers = [{ name: "vault", kind: "vault-transit", method: "jwt" }, {
    name: "local",
    kind: "local",
    method: undefined,
  }];
  const { metrics } = opened({ countable: { apis: kmsOperations, providers } });
  const found = await samples(metrics);
  const results = 1 + Object.keys(errorCodes).length;
  const counts = {
    "trousseau_rpcs_total": 2 * 3 * results,
    "trousseau_provider_calls_total": 2 * 3 * results,
    "trousseau_provider_health_changes_total": 2 * 4,
    "trousseau_logins_total": results,
    "trousseau_token_renewals_total": results,
    "trousseau_ready_deks_total": results,
    "trousseau_cache_requests_total": 4,
    "trousseau_cache_evictions_total": 3,
    "trousseau_socket_events_total": 11,
    "trousseau_telemetry_port_events_total": 4,
    "trousseau_key_id_changes_total": 1,
    "trousseau_rpc_duration_seconds_count": 2 * 3,
    "trousseau_provider_call_duration_seconds_count": 2 * 3,
    "trousseau_ready_dek_duration_seconds_count": 1,
  };
  for (const [name, expected] of Object.entries(counts)) {
    const values = [...found].filter(([sample]) => sample === name || sample.startsWith(`${name}{`));
    assert.equal(values.length, expected, name);
    assert.ok(values.every(([, value]) => value === 0), name);
  }
  assert.ok(![...found.keys()].some((name) => name.startsWith("trousseau_keyring")), "a service without an API");
  const before = new Set(found.keys());
  metrics.observe({ type: "login", provider: "vault", method: "jwt", result: "permission_denied", seconds: 1 });
  metrics.observe({ type: "provider_call", ...call, provider: "vault", kind: "vault-transit", verb: "wrap" });
  metrics.observe({ ...rpc, result: "ok" });
  const added = [...(await samples(metrics)).keys()].filter((sample) => !before.has(sample));
  assert.deepEqual(added, [], "no event of a known provider adds a series");
});

const labelValues: Readonly<Record<string, RegExp>> = {
  api: /^(v2|v1beta1|sops)$/,
  code: new RegExp(`^(${Object.keys(errorCodes).join("|")})$`),
  operation: /^(status|encrypt|decrypt)$/,
  result: new RegExp(
    `^(ok|hit|miss|shared|stale|exported|queue_full|refused|unsent|${Object.keys(errorCodes).join("|")})$`,
  ),
  provider: /^(vault-eu|vault-us|local)$/,
  kind: /^(vault-transit|local)$/,
  verb: /^(probe|wrap|unwrap)$/,
  method: /^(token|approle)$/,
  reason: /^(lru|age|refused)$/,
  action: /^[a-z_]{4,14}$/,
  to: /^(unknown|well|sick|refusing)$/,
  state: /^(unknown|well|sick|refusing|none|outage|outage_past_after|refused)$/,
  route: /^(secret\.read|other)$/,
  outcome: /^(ok|forbidden|other)$/,
  stream: /^(audit|log)$/,
  format: /^(trousseau-v1|trousseau-v2|vault-kubernetes-kms|aws-encryption-provider)$/,
  le: /^(\+Inf|[\d.]+)$/,
  key_id_hash: /^sha256:[0-9a-f]{64}$/,
  provisional: /^(true|false)$/,
  version: /^1\.2\.3$/,
  runtime: /^deno [\d.]+$/,
};

Deno.test("createMetrics() has bounded labels for any texts in events", async () => {
  const { metrics } = opened();
  metrics.observe({ type: "api_request", route: "secret.read", outcome: "forbidden", seconds: 1 });
  const poisoned = fc.tuple(anyEvent, anyText, fc.boolean()).map((
    [event, text, cast],
  ) => cast && "result" in event ? { ...event, result: text } as Event : event);
  fc.assert(fc.property(poisoned, (event) => metrics.observe(event)), { numRuns: 3000 });
  const found = await samples(metrics);
  for (const sample of found.keys()) {
    for (const [, name = "", value = ""] of sample.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      assert.match(value, labelValues[name] ?? /^$/, sample);
    }
  }
  const series = new Set([...found.keys()].filter((sample) => !sample.includes("_bucket{")));
  assert.ok(series.size < 1000, `${series.size} series`);
});

Deno.test("createMetrics() has names that follow Prometheus' conventions", async () => {
  const { metrics } = opened();
  for (const [event] of expectations) metrics.observe(event);
  const page = await metrics.render(kmsGauges(status, 10_000));
  for (const [, name = "", type = ""] of page.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    assert.match(name, /^(trousseau|process)_[a-z][a-z_]*[a-z]$/);
    assert.equal(name.endsWith("_total"), type === "counter", name);
    if (type === "histogram") assert.match(name, /_(seconds|items)$/);
    assert.match(page, new RegExp(`^# HELP ${name} [A-Z0-9].*\\.$`, "m"));
  }
});
