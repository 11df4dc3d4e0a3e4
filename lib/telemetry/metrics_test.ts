import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import type { SealedVersionStatus, ServiceStatus } from "../services/kms/service.ts";
import { eventArbitraries } from "../../tests/support/event_arbitraries.ts";
import { keyIdHash, kmsGauges } from "../services/kms/status_metrics.ts";
import { expectations, opened, samples, status, well } from "../../tests/support/metric_samples.ts";

Deno.test("createMetrics() counts each event", async () => {
  for (const [event, expected] of expectations) {
    const { metrics } = opened();
    metrics.observe(event);
    const found = await samples(metrics);
    for (const [sample, value] of Object.entries(expected)) assert.equal(found.get(sample), value, sample);
  }
  const covered = new Set(expectations.map(([event]) => event.type));
  assert.deepEqual([...covered].sort(), Object.keys(eventArbitraries).sort());
});

Deno.test("Metrics.render() returns the present status, without previous values", async () => {
  const { metrics } = opened();
  const hash = keyIdHash(status.keyId ?? "");
  const found = await samples(metrics);
  const expected = {
    [`trousseau_key_id_info{key_id_hash="${hash}",provisional="true"}`]: 1,
    "trousseau_can_encrypt": 1,
    "trousseau_quorum_held": 1,
    "trousseau_quorum_needed": 2,
    'trousseau_provider_health{provider="vault-eu",kind="vault-transit",state="well"}': 1,
    'trousseau_provider_health{provider="vault-eu",kind="vault-transit",state="sick"}': 0,
    'trousseau_provider_health{provider="local",kind="local",state="sick"}': 1,
    'trousseau_provider_last_success_timestamp_seconds{provider="local",kind="local"}': 2.5,
    'trousseau_ready_dek_wrapped{provider="vault-eu",kind="vault-transit"}': 1,
    'trousseau_ready_dek_wrapped{provider="local",kind="local"}': 0,
    'trousseau_ready_dek_lacking_seconds{provider="vault-eu",kind="vault-transit"}': 0,
    'trousseau_ready_dek_lacking_seconds{provider="local",kind="local"}': 6,
  };
  for (const [sample, value] of Object.entries(expected)) assert.equal(found.get(sample), value, sample);

  const lost = { state: "lost", since: 0, forMs: 0, refused: false, message: "canary" } as const;
  const later = await samples(metrics, { ...status, keyId: undefined, quorum: lost, providers: [], canEncrypt: false });
  assert.deepEqual([later.get("trousseau_can_encrypt"), later.get("trousseau_quorum_held")], [0, 0]);
  const gone = [...later.keys()].filter((sample) =>
    /^trousseau_(key_id_info|provider_health\{|ready_dek_w)/.test(sample)
  );
  assert.deepEqual(gone, []);
});

Deno.test("Metrics.render() has a separate metric for retired providers", async () => {
  const { metrics } = opened();
  const { version: _version, lacksWrapSince: _lacks, ...old } = { ...well, name: "old", health: "unknown" as const };
  const found = await samples(metrics, { ...status, retired: [old] });
  const about = [...found].filter(([sample, value]) => sample.includes('"old"') && value !== 0);
  assert.deepEqual(about, [
    ['trousseau_provider_last_success_timestamp_seconds{provider="old",kind="vault-transit"}', 2.5],
    ['trousseau_retired_provider_health{provider="old",kind="vault-transit",state="unknown"}', 1],
  ]);
});

Deno.test("Metrics.render() shows refused Decrypts by code, and when the key ID was announced and first used", async () => {
  const { metrics } = opened();
  const refused = [{ code: "integrity", message: "canary", envelopes: 3, since: 0, lastAt: 0 }] as const;
  const decrypts = { windowMs: 300_000, refused, lastOpenedAt: 4_000, failing: true };
  const found = await samples(metrics, { ...status, decrypts, announcedAt: 5_000, firstEncryptAt: 6_500 });
  const hash = keyIdHash(status.keyId ?? "");
  const expected = {
    'trousseau_refused_decrypt_envelopes{code="integrity"}': 3,
    'trousseau_refused_decrypt_envelopes{code="key_unknown"}': 0,
    trousseau_decrypts_failing: 1,
    trousseau_last_decrypt_timestamp_seconds: 4,
    [`trousseau_key_id_announced_timestamp_seconds{key_id_hash="${hash}"}`]: 5,
    [`trousseau_key_id_first_encrypt_timestamp_seconds{key_id_hash="${hash}"}`]: 6.5,
  };
  for (const [sample, value] of Object.entries(expected)) assert.equal(found.get(sample), value, sample);
  const later = await samples(metrics, status);
  assert.equal(later.get('trousseau_refused_decrypt_envelopes{code="integrity"}'), 0);
  assert.equal(later.get("trousseau_decrypts_failing"), 0);
  const times = [...later.keys()].filter((sample) => /last_decrypt|announced|first_encrypt/.test(sample));
  assert.deepEqual(times, [], "no time where there is none");
});

Deno.test("Metrics.render() has 0 for each provider's wrap if no data key is ready", async () => {
  const { metrics } = opened();
  const found = await samples(metrics, { ...status, canEncrypt: false, dataKeyMadeAt: undefined });
  const ready = [...found].filter(([sample]) => sample.startsWith("trousseau_ready_dek_"));
  assert.deepEqual(ready.filter(([sample]) => !sample.includes("duration")), [
    ['trousseau_ready_dek_wrapped{provider="vault-eu",kind="vault-transit"}', 0],
    ['trousseau_ready_dek_wrapped{provider="local",kind="local"}', 0],
  ]);
});

Deno.test("Metrics.render() counts the refused versions by provider, with 0 for none", async () => {
  const { metrics } = opened();
  const sealed = (provider: string, version: string, state: SealedVersionStatus["state"]): SealedVersionStatus => ({
    provider,
    kind: "vault-transit",
    version,
    announced: false,
    state,
    code: state === "refused" ? "key_unusable" : "ok",
    message: "",
    testedAt: 0,
  });
  const sealedVersions = [
    sealed("a", "1", "refused"),
    sealed("a", "2", "refused"),
    sealed("a", "3", "opens"),
    sealed("b", "1", "unknown"),
  ];
  const count = async (now: ServiceStatus) =>
    [...await samples(metrics, now)].filter(([sample]) => sample.startsWith("trousseau_unopenable_versions"));
  assert.deepEqual(await count({ ...status, sealedVersions }), [
    ['trousseau_unopenable_versions{provider="a",kind="vault-transit"}', 2],
    ['trousseau_unopenable_versions{provider="b",kind="vault-transit"}', 0],
  ]);
  assert.deepEqual(await count(status), []);
});

Deno.test("Metrics.render() has the metrics of the process", async () => {
  const { clock, lost, metrics } = opened();
  clock.now += 2_000;
  Object.assign(lost, { audit: 3, log: 1 });
  await metrics.render(kmsGauges(status, 10_000));
  lost.audit = 5;
  const found = await samples(metrics);
  assert.equal(found.get("trousseau_uptime_seconds"), 2);
  assert.equal(found.get("trousseau_start_time_seconds"), 10);
  assert.equal(found.get("trousseau_audit_lines_lost_total"), 5);
  assert.equal(found.get("trousseau_log_lines_lost_total"), 1);
  assert.ok((found.get("trousseau_resident_memory_bytes") ?? 0) > 1_000_000);
  assert.equal(found.get("process_resident_memory_bytes"), found.get("trousseau_resident_memory_bytes"));
  assert.equal(found.get("process_start_time_seconds"), 10);
  const [cpu = 0, user = 0, system = 0] = ["", "_user", "_system"].map((part) =>
    found.get(`process_cpu${part}_seconds_total`)
  );
  assert.ok(user > 0 && system >= 0 && Math.abs(cpu - user - system) < 1e-6);
  assert.equal(found.get(`trousseau_build_info{version="1.2.3",runtime="deno ${Deno.version.deno}"}`), 1);
});

Deno.test("Metrics.render() has the start of the process by the present wall clock", async () => {
  const { clock, metrics } = opened();
  clock.ahead = 3_600_000;
  const found = await samples(metrics);
  assert.deepEqual([found.get("process_start_time_seconds"), found.get("trousseau_uptime_seconds")], [3610, 0]);
});

Deno.test("Metrics.render() counts a lifetime down, and leaves out tokens that do not expire", async () => {
  const { clock, metrics } = opened();
  metrics.observe({ type: "token_lifetime", provider: "a", expiresAt: 70_000 });
  clock.now += 30_000;
  const left = async () => (await samples(metrics)).get('trousseau_token_lifetime_seconds{provider="a"}');
  assert.equal(await left(), 30);
  for (const ahead of [10_800_000, -10_800_000]) {
    clock.ahead = ahead;
    assert.equal(await left(), 30, "whatever the wall clock says");
  }
  clock.now += 60_000;
  assert.equal(await left(), 0, "expired");
  metrics.observe({ type: "token_lifetime", provider: "a", expiresAt: undefined });
  assert.equal((await samples(metrics)).has('trousseau_token_lifetime_seconds{provider="a"}'), false);
});

Deno.test("Metrics.render() shows whether the state folder and the audit stream can be written", async () => {
  const audit: { writable: boolean | undefined } = { writable: true };
  const { metrics } = opened({ auditWritable: () => audit.writable });
  const shown = async (stateFolder: ServiceStatus["stateFolder"]) => {
    const found = await samples(metrics, { ...status, stateFolder });
    return [found.get("trousseau_state_folder_writable"), found.get("trousseau_audit_writable")];
  };
  assert.deepEqual(await shown({ writable: true, since: 0, message: "" }), [1, 1]);
  audit.writable = false;
  assert.deepEqual(await shown({ writable: false, since: 0, message: "canary" }), [0, 0]);
  assert.deepEqual((await shown(undefined))[0], undefined, "of a process that keeps nothing");
  const without = opened();
  assert.equal((await samples(without.metrics)).has("trousseau_audit_writable"), false);
});

Deno.test("Metrics.render() shows whether the socket answers", async () => {
  const { metrics } = opened();
  const shown = async () => (await samples(metrics)).get("trousseau_socket_answering");
  assert.equal(await shown(), 1);
  metrics.observe({ type: "socket", action: "silent", path: "/s", message: "" });
  metrics.observe({ type: "socket", action: "rebound", path: "/s", message: "" });
  assert.equal(await shown(), 0);
  metrics.observe({ type: "socket", action: "answering", path: "/s", message: "" });
  assert.equal(await shown(), 1);
});

Deno.test("createMetrics() shares nothing with another one", async () => {
  const first = opened();
  const second = opened();
  first.metrics.observe({ type: "cache_size", entries: 7 });
  assert.equal((await samples(second.metrics)).get("trousseau_cache_entries"), 0);
});

Deno.test("keyIdHash() equals the hash of kube-apiserver", () => {
  // Computed in Go as getHash of k8s.io/apiserver 0.36.3 does, pkg/storage/value/encrypt/envelope/metrics.
  assert.deepEqual(vectors.map(([keyId]) => keyIdHash(keyId)), vectors.map(([, hash]) => hash));
  fc.assert(fc.property(fc.string({ minLength: 1, maxLength: 40 }), (keyId) => {
    assert.equal(keyIdHash(keyId), `sha256:${createHash("sha256").update(keyId).digest("hex")}`);
  }));
});

const vectors = [
  ["", ""],
  ["t1-00112233445566778899aabbccddeeff", "sha256:82d11d3127a64c8404c309cf86ae548f570d8285a50a4e8bee2fce7f809590f3"],
  [
    "arn:aws:kms:eu-west-1:111122223333:key/ü",
    "sha256:875bcf8db77040aed566bb407811e9df749036c7dd438f421732ceeeb6dcd23b",
  ],
] as const;
