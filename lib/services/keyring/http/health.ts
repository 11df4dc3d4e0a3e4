/**
 * The state of the server and of each of its parts.
 *
 * @module
 */
import type { HealthAnswer } from "../../../api/keyring/system_schemas.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { recoveryKeyWarning } from "../../../kek/status_page.ts";
import type { KekGroupStatus, ProviderHealth } from "../../../kek/status.ts";

/** A state, from the best to the worst. */
export const partStates = ["ok", "degraded", "failed"] as const;

/** A state of {@linkcode partStates}. */
export type PartState = typeof partStates[number];

/** The state of a part. */
export interface PartHealth {
  /** `store`, `kms`, `certificate`, `clock`, `backup`, `audit`, `checkpoint`, `tls`, `recovery key`, or `kms:` and the name of a provider. */
  readonly name: string;
  readonly state: PartState;
  /** A sentence, unless the state is `ok`. */
  readonly reason?: string;
}

/** The answer for the parts. @param reasons whether the reasons are shown. */
export function healthAnswerOf(parts: readonly PartHealth[], reasons: boolean): HealthAnswer {
  return {
    state: worstOf(parts),
    parts: parts.map(({ name, state, reason }) => ({
      name,
      state,
      ...(reasons && reason !== undefined ? { reason } : {}),
    })),
  };
}

/** The worst state of some parts; `ok` if there are none. */
export function worstOf(parts: readonly Pick<PartHealth, "state">[]): PartState {
  return partStates.findLast((state) => parts.some((part) => part.state === state)) ?? "ok";
}

/** Whether requests can be served: the store, the audit and the port of the API have not failed. */
export function canServe(parts: readonly PartHealth[]): boolean {
  return worstOf(parts.filter(({ name }) => ["store", "audit", "tls"].includes(name))) !== "failed";
}

/** The state of the store: that of its engine, or the reason why it is not open. */
export function storeHealth(
  engine: { readonly state: PartState; readonly reason?: string } | KeyringError,
): PartHealth {
  if (engine instanceof KeyringError) return { name: "store", state: "failed", reason: engine.message };
  return { name: "store", ...engine };
}

/** One part for each provider, and `kms` for the quorum. */
export function kmsHealth(status: KekGroupStatus): readonly PartHealth[] {
  const each = [...status.providers, ...status.retired, ...status.wrapOnly].map(({ name, health, message }) => ({
    name: `kms:${name}`,
    ...(isUnwell(health) ? { state: "degraded" as const, reason: message } : { state: "ok" as const }),
  }));
  const readers = status.providers.filter(({ health }) => !isUnwell(health));
  if (status.providers.length > 0 && readers.length === 0) {
    return [
      { name: "kms", state: "failed", reason: "No provider is well, so that no store key can be unwrapped." },
      ...each,
    ];
  }
  return status.quorum.state === "held"
    ? [{ name: "kms", state: "ok" }, ...each]
    : [{ name: "kms", state: "degraded", reason: status.quorum.message }, ...each];
}

function isUnwell(health: ProviderHealth["health"]): boolean {
  return health === "sick" || health === "refusing";
}

const dayMs = 86_400_000;

/** Limits of the parts whose state depends on time, in milliseconds. */
export const healthLimits = {
  /** A certificate is renewed 30 days before its end; less than this means that the renewal fails. */
  certificateLeft: 20 * dayMs,
  /** Oldest age of the last backup. */
  backupAge: 7 * dayMs,
  /** A clock behind the newest revision by more than this refuses logins. */
  clockBehind: 60_000,
} as const;

/** A part for a loaded recovery key; none while there is no such key. */
export function recoveryKeyHealth({ recoveryKeyLoaded }: KekGroupStatus): readonly PartHealth[] {
  return recoveryKeyLoaded ? [{ name: "recovery key", state: "degraded", reason: recoveryKeyWarning }] : [];
}

/**
 * The state of the server's certificate.
 *
 * @param times of its life, in milliseconds since the epoch, as `now`.
 * @param isOperators whether the operator renews it. Such a certificate may last a day: it degrades in its last sixth.
 */
export function certificateHealth(
  { from, until }: { readonly from: number; readonly until: number },
  now: number,
  isOperators: boolean,
): PartHealth {
  const name = "certificate";
  const left = until - now;
  if (left <= 0) {
    return { name, state: "failed", reason: "The server's certificate has expired; renew it and restart the server." };
  }
  const limit = isOperators ? Math.min((until - from) / 6, healthLimits.certificateLeft) : healthLimits.certificateLeft;
  if (left >= limit) return { name, state: "ok" };
  const time = left < 2 * dayMs ? `${Math.floor(left / 3_600_000)} hours` : `${Math.floor(left / dayMs)} days`;
  return { name, state: "degraded", reason: `The server's certificate ends in ${time} and was not renewed.` };
}

/** The state of the clock. @param behindMs milliseconds by which it stands behind the newest revision of the store. */
export function clockHealth(behindMs: number): PartHealth {
  if (behindMs <= healthLimits.clockBehind) return { name: "clock", state: "ok" };
  const seconds = Math.round(behindMs / 1_000);
  const reason =
    `The clock is ${seconds} seconds behind the newest entry of the store, so that logins are refused; set it.`;
  return { name: "clock", state: "failed", reason };
}

/**
 * The state of the backup.
 *
 * @param last time of the last backup; `undefined` if there was none.
 * @param warning a sentence that counts in any case, for instance that a backup could not be opened without this disk.
 */
export function backupHealth(last: number | undefined, now: number, warning?: string): PartHealth {
  const name = "backup";
  if (warning !== undefined) return { name, state: "degraded", reason: warning };
  if (last === undefined) {
    return { name, state: "degraded", reason: "There is no backup yet; run trousseau keyring backup." };
  }
  if (now - last <= healthLimits.backupAge) return { name, state: "ok" };
  const days = Math.floor((now - last) / dayMs);
  return { name, state: "degraded", reason: `The last backup is ${days} days old; run trousseau keyring backup.` };
}

/** The state of the audit. */
export function auditHealth(audit: { readonly state: PartState; readonly reason?: string }): PartHealth {
  return { name: "audit", ...audit };
}

/** A part for a difference of the store from its checkpoint; none while there is no such finding. */
export function checkpointHealth(finding: string | undefined): readonly PartHealth[] {
  return finding === undefined ? [] : [{ name: "checkpoint", state: "failed", reason: finding }];
}

/**
 * A part while the port of the API is not open, or is open and something of it failed; none else.
 *
 * @param failure of the last try to open it, to renew its certificate or to write a file of it.
 */
export function tlsHealth(isClosed: boolean, failure: string | undefined): readonly PartHealth[] {
  if (!isClosed) return failure === undefined ? [] : [{ name: "tls", state: "degraded", reason: failure }];
  return [{ name: "tls", state: "failed", reason: failure ?? "The API over TLS is being opened." }];
}
