/**
 * The status of the plugin as gauges.
 *
 * @module
 */
import { sha256Hex, utf8 } from "../../base/bytes.ts";
import { booleanSample, kekGauges, moment } from "../../kek/status_metrics.ts";
import type { GaugeRow, GaugeSample } from "../../telemetry/gauges.ts";
import type { ServiceStatus } from "./status.ts";

/**
 * The hash of a key ID, as in kube-apiserver's metric `apiserver_envelope_encryption_key_id_hash_total`, so that both can
 * be joined: `sha256:` and the SHA-256 of its UTF-8 bytes in lowercase hexadecimal; `""` for an empty key ID.
 */
export function keyIdHash(keyId: string): string {
  return keyId === "" ? "" : `sha256:${sha256Hex(utf8(keyId))}`;
}

/** The gauges of the plugin. @param wall the present time, in milliseconds since the epoch. */
export function kmsGauges(status: ServiceStatus, wall: number): readonly GaugeRow[] {
  return [
    ...keyIdGauges(status),
    {
      name: "trousseau_can_encrypt",
      help: "1 if an Encrypt would be answered now.",
      samples: booleanSample(status.canEncrypt),
    },
    {
      name: "trousseau_state_folder_writable",
      help: "1 if the state folder could be written when it was tried last; it is tried once a minute.",
      samples: status.stateFolder === undefined ? [] : booleanSample(status.stateFolder.writable),
    },
    ...kekGauges(status),
    ...readyDekGauges(status, wall),
    {
      name: "trousseau_unopenable_versions",
      help: "Versions of a provider's key that this node has sealed with and that are refused when they are tried.",
      labelNames: ["provider", "kind"],
      samples: status.sealedVersions.map(({ provider, kind, state }) => ({
        labels: { provider, kind },
        value: state === "refused" ? 1 : 0,
      })),
    },
  ];
}

function keyIdGauges({ keyId, provisional, announcedAt, firstEncryptAt }: ServiceStatus): readonly GaugeRow[] {
  const hashed = (samples: (hash: { readonly key_id_hash: string }) => readonly GaugeSample[]) =>
    keyId === undefined ? [] : samples({ key_id_hash: keyIdHash(keyId) });
  return [
    {
      name: "trousseau_key_id_info",
      help: "The announced key ID, hashed as in kube-apiserver's key_id_hash.",
      labelNames: ["key_id_hash", "provisional"],
      samples: hashed((hash) => [{ labels: { ...hash, provisional: String(provisional) }, value: 1 }]),
    },
    {
      name: "trousseau_key_id_announced_timestamp_seconds",
      help: "When the key ID was announced.",
      labelNames: ["key_id_hash"],
      samples: hashed((hash) => moment(announcedAt, hash)),
    },
    {
      name: "trousseau_key_id_first_encrypt_timestamp_seconds",
      help: "When an API server first called Encrypt over v2 under the announced key ID; absent until it has.",
      labelNames: ["key_id_hash"],
      samples: hashed((hash) => moment(firstEncryptAt, hash)),
    },
  ];
}

function readyDekGauges({ providers, dataKeyMadeAt }: ServiceStatus, wall: number): readonly GaugeRow[] {
  const labelNames = ["provider", "kind"];
  const isReady = dataKeyMadeAt !== undefined;
  return [
    {
      name: "trousseau_ready_dek_wrapped",
      help:
        "1 if a provider has wrapped the data key that is ready for the next Encrypt; 0 if not, or if none is ready.",
      labelNames,
      samples: providers.map(({ name, kind, lacksWrapSince }) => ({
        labels: { provider: name, kind },
        value: isReady && lacksWrapSince === undefined ? 1 : 0,
      })),
    },
    {
      name: "trousseau_ready_dek_lacking_seconds",
      help:
        "For how long a provider has lacked a wrap of the ready data key; 0 if it has one, absent if none is ready.",
      labelNames,
      samples: (isReady ? providers : []).map(({ name, kind, lacksWrapSince }) => ({
        labels: { provider: name, kind },
        value: lacksWrapSince === undefined ? 0 : Math.max(0, wall - lacksWrapSince) / 1000,
      })),
    },
  ];
}
