/**
 * The examination of a key in Key Vault or Managed HSM: its end, its recovery level, and versions that no longer open.
 *
 * @module
 */
import { rfc3339, systemClock } from "../../base/clock.ts";
import type { HttpAnswer, HttpCall } from "../../net/https/endpoint.ts";
import { field } from "../../net/https/fields.ts";
import { clockAheadOf } from "../clock_ahead.ts";
import { type KeyExamination, type KeyFinding, keyFinding } from "../key_findings.ts";
import { isUnusable, refusal } from "./errors.ts";
import type { AzureKeyVaultSettings } from "./settings.ts";
import type { KeyVault } from "./vault.ts";

/**
 * Milliseconds before the end of a key: 5 days and 30 days. Many rotation policies act 7 days before the end; a key of 5
 * days was not rotated by one.
 */
const keyEnds = { soonMs: 5 * 86_400_000, laterMs: 30 * 86_400_000 } as const;

/** Maximum number of versions that are read, the newest first: each takes one call. */
const maxVersions = 20;

/** The names in commands. */
interface KeyNames {
  readonly name: string;
  readonly vault: string;
  readonly key: string;
}

/** See `Examine` of `lib/provider/provider.ts`. */
export async function examineKeyVaultKey(
  settings: Pick<AzureKeyVaultSettings, "name" | "vault" | "key">,
  vault: Pick<KeyVault, "ask">,
  versions: readonly string[],
  call: HttpCall,
): Promise<KeyExamination> {
  const names = { ...settings, vault: new URL(settings.vault).hostname.split(".")[0] ?? "" };
  const sentAt = systemClock.wall();
  const newest = await vault.ask({ method: "GET", path: settings.key }, call);
  const clockAheadMs = clockAheadOf(newest.headers.date, sentAt);
  if (newest.status === 403 && !isUnusable(newest)) return { findings: [], remarks: [], clockAheadMs };
  if (newest.status !== 200 && !isUnusable(newest)) throw refusal(newest, call.action);
  const ofKey = newest.status === 200 ? aboutKey(names, field(newest.body, "attributes"), systemClock.wall()) : [];
  const read = async (version: string) => ({
    version,
    answer: await vault.ask({ method: "GET", path: `${settings.key}/${version}` }, call),
  });
  const found = await Promise.all(versions.slice(-maxVersions).map(read));
  const lost = found.flatMap(({ version, answer }) => aboutVersion(names, version, answer));
  return { findings: [...ofKey, ...lost], remarks: [], clockAheadMs };
}

/** @param now milliseconds since the epoch. */
function aboutKey(names: KeyNames, attributes: unknown, now: number): readonly KeyFinding[] {
  const { name } = names;
  const expires = field(attributes, "exp");
  const level = field(attributes, "recoveryLevel");
  const found = [
    ...(typeof expires === "number" ? aboutEnd(names, expires * 1000, now) : []),
    // Without purge protection the level contains "Purgeable" ("DeletionRecoveryLevel").
    ...(typeof level === "string" && level.includes("Purgeable")
      ? [keyFinding("azure-purge-protection-off", { ...names, level })]
      : []),
    ...(field(attributes, "exportable") === true ? [keyFinding("azure-key-exportable", { name })] : []),
  ];
  if (found.length > 0 || typeof level !== "string") return found;
  return [keyFinding("azure-key-held", { name, level })];
}

function aboutEnd(names: KeyNames, expires: number, now: number): readonly KeyFinding[] {
  const leftMs = expires - now;
  if (leftMs >= keyEnds.laterMs) return [];
  const id = leftMs < keyEnds.soonMs ? "azure-key-ends" : "azure-key-ends-later";
  return [keyFinding(id, { ...names, date: rfc3339(expires) ?? "?" })];
}

function aboutVersion(names: KeyNames, version: string, answer: HttpAnswer): readonly KeyFinding[] {
  const isDisabled = isUnusable(answer) || field(field(answer.body, "attributes"), "enabled") === false;
  const state = answer.status === 404 ? "is not there any more" : isDisabled ? "is disabled" : undefined;
  return state === undefined ? [] : [keyFinding("azure-version-disabled", { ...names, version, state })];
}
