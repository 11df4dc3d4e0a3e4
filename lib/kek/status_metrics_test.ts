import { deepEqual, equal } from "node:assert/strict";
import { errorCodes } from "../base/errors.ts";
import type { HealthState } from "../telemetry/events.ts";
import type { KekGroupStatus, ProviderHealth } from "./status.ts";
import { booleanSample, kekGauges, moment } from "./status_metrics.ts";

function provider(name: string, health: HealthState, lastGoodAt?: number): ProviderHealth {
  return { name, kind: "local", health, code: "ok", message: "", since: 0, lastGoodAt };
}

const status: KekGroupStatus = {
  providers: [provider("a", "well", 5_000), provider("b", "sick")],
  retired: [provider("old", "unknown", 2_500)],
  wrapOnly: [provider("recovery", "refusing", 1_000)],
  recoveryKeyLoaded: false,
  graceOnOutageMs: 86_400_000,
  quorum: { state: "held" },
  needed: 2,
  decrypts: {
    windowMs: 300_000,
    refused: [{ code: "integrity", message: "Changed.", envelopes: 3, since: 0, lastAt: 0 }],
    failing: true,
    lastOpenedAt: 7_000,
  },
};

/** The samples of a gauge, each as its labels without the kind and its value. */
function samplesOf(name: string, of: KekGroupStatus = status): readonly string[] {
  const { samples = [], labelNames = [] } = kekGauges(of).find((row) => row.name === name) ?? {};
  return samples.map(({ labels = {}, value }) => {
    deepEqual(Object.keys(labels).sort(), [...labelNames].sort());
    const { kind = "local", ...rest } = labels;
    equal(kind, "local");
    return [...Object.values(rest), value].join(" ");
  });
}

/** The samples that are 1. */
function onesOf(name: string): readonly string[] {
  return samplesOf(name).filter((sample) => sample.endsWith(" 1"));
}

Deno.test("kekGauges() shows the quorum", () => {
  const name = "trousseau_quorum_held";
  deepEqual([samplesOf(name), samplesOf("trousseau_quorum_needed")], [["1"], ["2"]]);
  deepEqual([samplesOf("trousseau_quorum_members"), samplesOf("trousseau_quorum_well")], [["2"], ["1"]]);
  const lost = { state: "lost", since: 0, forMs: 0, refused: false, message: "" } as const;
  deepEqual(samplesOf(name, { ...status, quorum: lost }), ["0"]);
});

Deno.test("kekGauges() shows for how long cached keys serve without their KMS", () => {
  deepEqual(samplesOf("trousseau_cache_grace_seconds"), ["86400"]);
  deepEqual(samplesOf("trousseau_cache_grace_seconds", { ...status, graceOnOutageMs: 0 }), ["0"]);
});

Deno.test("kekGauges() shows whether a recovery key is loaded", () => {
  const name = "trousseau_recovery_key_loaded";
  deepEqual([samplesOf(name), samplesOf(name, { ...status, recoveryKeyLoaded: true })], [["0"], ["1"]]);
});

Deno.test("kekGauges() shows the state of each provider, of those that only unwrap apart", () => {
  deepEqual(onesOf("trousseau_provider_health"), ["a well 1", "b sick 1", "recovery refusing 1"]);
  equal(samplesOf("trousseau_provider_health").length, 12);
  deepEqual(samplesOf("trousseau_provider_health").filter((sample) => sample.endsWith(" 0")).length, 9);
  deepEqual(onesOf("trousseau_retired_provider_health"), ["old unknown 1"]);
  deepEqual(samplesOf("trousseau_provider_last_success_timestamp_seconds"), ["old 2.5", "a 5", "recovery 1"]);
});

Deno.test("kekGauges() shows refused Decrypts by code, and when stored data was last opened", () => {
  const refused = samplesOf("trousseau_refused_decrypt_envelopes");
  deepEqual(refused, Object.keys(errorCodes).map((code) => `${code} ${code === "integrity" ? 3 : 0}`));
  deepEqual(samplesOf("trousseau_decrypts_failing"), ["1"]);
  deepEqual(samplesOf("trousseau_last_decrypt_timestamp_seconds"), ["7"]);
});

Deno.test("booleanSample() and moment() give one value or none", () => {
  deepEqual([booleanSample(true), booleanSample(false)], [[{ value: 1 }], [{ value: 0 }]]);
  deepEqual([moment(1_500), moment(undefined)], [[{ labels: {}, value: 1.5 }], []]);
});
