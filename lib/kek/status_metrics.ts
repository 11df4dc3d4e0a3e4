/**
 * The status of a {@linkcode KekGroup} as gauges.
 *
 * @module
 */
import { type ErrorCode, errorCodes } from "../base/errors.ts";
import type { GaugeRow, GaugeSample } from "../telemetry/gauges.ts";
import { healthStates } from "../telemetry/label_values.ts";
import type { KekGroupStatus, ProviderHealth } from "./status.ts";

const codes = Object.keys(errorCodes) as readonly ErrorCode[];

/** The gauges of a group. A service adds its own. */
export function kekGauges(status: KekGroupStatus): readonly GaugeRow[] {
  const { recoveryKeyLoaded } = status;
  return [
    ...quorumGauges(status),
    ...healthGauges(status),
    {
      name: "trousseau_recovery_key_loaded",
      help: "1 while the private key of --recovery-key is loaded: stored data can then be forged with its public key.",
      samples: booleanSample(recoveryKeyLoaded),
    },
    {
      name: "trousseau_cache_grace_seconds",
      help: "How long a cached data key opens data while its KMS cannot be reached, from the last success of that KMS.",
      samples: [{ value: status.graceOnOutageMs / 1000 }],
    },
    ...decryptGauges(status),
  ];
}

/** A gauge without labels: 1 or 0. */
export function booleanSample(value: boolean): readonly GaugeSample[] {
  return [{ value: value ? 1 : 0 }];
}

/** A moment in seconds since the epoch; no value if it is missing. */
export function moment(
  wall: number | undefined,
  labels: Readonly<Record<string, string>> = {},
): readonly GaugeSample[] {
  return wall === undefined ? [] : [{ labels, value: wall / 1000 }];
}

function quorumGauges({ quorum, needed, providers }: KekGroupStatus): readonly GaugeRow[] {
  return [
    {
      name: "trousseau_quorum_held",
      help: "1 if as many providers as the wrap quorum needs can wrap now.",
      samples: booleanSample(quorum.state === "held"),
    },
    {
      name: "trousseau_quorum_needed",
      help: "Providers that have to wrap a data key.",
      samples: [{ value: needed }],
    },
    {
      name: "trousseau_quorum_members",
      help: "Providers that count in the quorum.",
      samples: [{ value: providers.length }],
    },
    {
      name: "trousseau_quorum_well",
      help: "Providers that count in the quorum and are well.",
      samples: [{ value: providers.filter(({ health }) => health === "well").length }],
    },
  ];
}

function healthGauges({ providers, wrapOnly, retired }: KekGroupStatus): readonly GaugeRow[] {
  const labelNames = ["provider", "kind", "state"];
  return [
    {
      name: "trousseau_provider_health",
      help: "1 for the state that a provider is in.",
      labelNames,
      samples: [...providers, ...wrapOnly].flatMap(healthSamples),
    },
    {
      name: "trousseau_provider_last_success_timestamp_seconds",
      help: "When a provider last answered well.",
      labelNames: ["provider", "kind"],
      samples: [...retired, ...providers, ...wrapOnly].flatMap(({ name, kind, lastGoodAt }) =>
        moment(lastGoodAt, { provider: name, kind })
      ),
    },
    {
      name: "trousseau_retired_provider_health",
      help: "1 for the state that a provider is in that only unwraps, as its last unwraps showed it.",
      labelNames,
      samples: retired.flatMap(healthSamples),
    },
  ];
}

function healthSamples({ name, kind, health }: ProviderHealth): readonly GaugeSample[] {
  return healthStates.map((state) => ({
    labels: { provider: name, kind, state },
    value: health === state ? 1 : 0,
  }));
}

function decryptGauges({ decrypts }: KekGroupStatus): readonly GaugeRow[] {
  const envelopes = new Map(decrypts.refused.map((one) => [one.code, one.envelopes]));
  return [
    {
      name: "trousseau_refused_decrypt_envelopes",
      help: "Different envelopes whose Decrypt was refused in the last five minutes, by code; outages do not count.",
      labelNames: ["code"],
      samples: codes.map((code) => ({ labels: { code }, value: envelopes.get(code) ?? 0 })),
    },
    {
      name: "trousseau_decrypts_failing",
      help: "1 if at least three different envelopes were refused in the last five minutes and none was opened.",
      samples: booleanSample(decrypts.failing),
    },
    {
      name: "trousseau_last_decrypt_timestamp_seconds",
      help: "When something stored was opened last; absent until something is.",
      samples: moment(decrypts.lastOpenedAt),
    },
  ];
}
