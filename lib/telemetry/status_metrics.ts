/**
 * What the service knows from memory, as gauges that are set when they are read.
 *
 * @module
 */
import { Gauge, type Registry } from "prom-client";
import { sha256Hex, utf8 } from "../base/bytes.ts";
import type { Times } from "../base/clock.ts";
import { type ErrorCode, errorCodes } from "../base/errors.ts";
import type { ServiceStatus } from "../services/kms/service.ts";
import { healthStates } from "./label_values.ts";

/**
 * A key ID as kube-apiserver's own metric `apiserver_envelope_encryption_key_id_hash_total` names it, so that both can
 * be joined: `sha256:` and the hash of its UTF-8 in lowercase hexadecimal; `""` for an empty one.
 */
export function keyIdHash(keyId: string): string {
  return keyId === "" ? "" : `sha256:${sha256Hex(utf8(keyId))}`;
}

/**
 * Registers the gauges.
 *
 * @returns sets them; what `status` no longer mentions is gone.
 */
export function observeStatus(registry: Registry, clock: Times): (status: ServiceStatus) => void {
  const ring = ringGauges(registry);
  const provider = providerGauges(registry, clock);
  const decrypts = decryptGauges(registry);
  const unopenable = new Gauge({
    name: "trousseau_unopenable_versions",
    help: "Versions of a provider's key that this node has sealed with and that are refused when they are tried.",
    labelNames: ["provider", "kind"],
    registers: [registry],
  });
  return (status) => {
    ring(status);
    provider(status);
    decrypts(status);
    unopenable.reset();
    for (const { provider, kind, state } of status.sealedVersions) {
      unopenable.inc({ provider, kind }, state === "refused" ? 1 : 0);
    }
  };
}

function ringGauges(registry: Registry): (status: ServiceStatus) => void {
  const registers = [registry];
  const keyId = new Gauge({
    name: "trousseau_key_id_info",
    help: "The announced key ID, hashed as in kube-apiserver's key_id_hash.",
    labelNames: ["key_id_hash", "provisional"],
    registers,
  });
  const announced = new Gauge({
    name: "trousseau_key_id_announced_timestamp_seconds",
    help: "When the key ID was announced.",
    labelNames: ["key_id_hash"],
    registers,
  });
  const firstEncrypt = new Gauge({
    name: "trousseau_key_id_first_encrypt_timestamp_seconds",
    help: "When an API server first called Encrypt over v2 under the announced key ID; absent until it has.",
    labelNames: ["key_id_hash"],
    registers,
  });
  const canEncrypt = new Gauge({
    name: "trousseau_can_encrypt",
    help: "1 if an Encrypt would be answered now.",
    registers,
  });
  const held = new Gauge({
    name: "trousseau_quorum_held",
    help: "1 if as many providers as the wrap quorum needs can wrap now.",
    registers,
  });
  const writable = new Gauge({
    name: "trousseau_state_folder_writable",
    help: "1 if the state folder could be written when it was tried last; it is tried once a minute.",
    registers,
  });
  const needed = new Gauge({
    name: "trousseau_quorum_needed",
    help: "Providers that have to wrap a data key.",
    registers,
  });
  return (status) => {
    for (const gauge of [keyId, announced, firstEncrypt]) gauge.reset();
    if (status.keyId !== undefined) {
      const key_id_hash = keyIdHash(status.keyId);
      keyId.set({ key_id_hash, provisional: String(status.provisional) }, 1);
      if (status.announcedAt !== undefined) announced.set({ key_id_hash }, status.announcedAt / 1000);
      if (status.firstEncryptAt !== undefined) firstEncrypt.set({ key_id_hash }, status.firstEncryptAt / 1000);
    }
    canEncrypt.set(status.canEncrypt ? 1 : 0);
    held.set(status.quorum.state === "held" ? 1 : 0);
    needed.set(status.needed);
    writable.remove();
    if (status.stateFolder !== undefined) writable.set(status.stateFolder.writable ? 1 : 0);
  };
}

function decryptGauges(registry: Registry): (status: ServiceStatus) => void {
  const registers = [registry];
  const refused = new Gauge({
    name: "trousseau_refused_decrypt_envelopes",
    help: "Different envelopes whose Decrypt was refused in the last five minutes, by code; outages do not count.",
    labelNames: ["code"],
    registers,
  });
  const failing = new Gauge({
    name: "trousseau_decrypts_failing",
    help: "1 if at least three different envelopes were refused in the last five minutes and none was opened.",
    registers,
  });
  const lastOpened = new Gauge({
    name: "trousseau_last_decrypt_timestamp_seconds",
    help: "When something stored was opened last; absent until something is.",
    registers,
  });
  return ({ decrypts }) => {
    refused.reset();
    for (const code of codes) refused.set({ code }, 0);
    for (const { code, envelopes } of decrypts.refused) refused.set({ code }, envelopes);
    failing.set(decrypts.failing ? 1 : 0);
    lastOpened.remove();
    if (decrypts.lastOpenedAt !== undefined) lastOpened.set(decrypts.lastOpenedAt / 1000);
  };
}

const codes = Object.keys(errorCodes) as readonly ErrorCode[];

function providerGauges(registry: Registry, clock: Times): (status: ServiceStatus) => void {
  const registers = [registry];
  const health = new Gauge({
    name: "trousseau_provider_health",
    help: "1 for the state that a provider is in.",
    labelNames: ["provider", "kind", "state"],
    registers,
  });
  const lastGood = new Gauge({
    name: "trousseau_provider_last_success_timestamp_seconds",
    help: "When a provider last answered well.",
    labelNames: ["provider", "kind"],
    registers,
  });
  const wrapped = new Gauge({
    name: "trousseau_ready_dek_wrapped",
    help: "1 if a provider has wrapped the data key that is ready for the next Encrypt; 0 if not, or if none is ready.",
    labelNames: ["provider", "kind"],
    registers,
  });
  const lacking = new Gauge({
    name: "trousseau_ready_dek_lacking_seconds",
    help: "For how long a provider has lacked a wrap of the ready data key; 0 if it has one, absent if none is ready.",
    labelNames: ["provider", "kind"],
    registers,
  });
  const retired = new Gauge({
    name: "trousseau_retired_provider_health",
    help: "1 for the state that a provider is in that only unwraps, as its last unwraps showed it.",
    labelNames: ["provider", "kind", "state"],
    registers,
  });
  return (status) => {
    for (const gauge of [health, lastGood, wrapped, lacking, retired]) gauge.reset();
    for (const { name, kind, ...is } of status.retired) {
      const labels = { provider: name, kind };
      for (const state of healthStates) retired.set({ ...labels, state }, is.health === state ? 1 : 0);
      if (is.lastGoodAt !== undefined) lastGood.set(labels, is.lastGoodAt / 1000);
    }
    for (const { name, kind, ...is } of status.providers) {
      const labels = { provider: name, kind };
      for (const state of healthStates) health.set({ ...labels, state }, is.health === state ? 1 : 0);
      if (is.lastGoodAt !== undefined) lastGood.set(labels, is.lastGoodAt / 1000);
      // A key service has no ready data key: it wraps one while it is waited for.
      if (status.keyId === undefined && status.canEncrypt) continue;
      const hasDek = status.dataKeyMadeAt !== undefined;
      wrapped.set(labels, hasDek && is.lacksWrapSince === undefined ? 1 : 0);
      if (!hasDek) continue;
      lacking.set(labels, is.lacksWrapSince === undefined ? 0 : Math.max(0, clock.wall() - is.lacksWrapSince) / 1000);
    }
  };
}
