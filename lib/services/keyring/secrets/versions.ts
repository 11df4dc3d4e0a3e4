/**
 * The versions of a secret: which one is meant, which states they may take, which are kept.
 *
 * @module
 */
import { rfc3339 } from "../../../base/clock.ts";
import type { SecretPath } from "../../../api/keyring/paths.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { StoredSecret, StoredVersion } from "./metadata_record.ts";

/** Milliseconds: a version younger than this is never removed to make room. */
export const minVersionAgeMs = 24 * 60 * 60 * 1_000;

/** Maximum number of versions that one write removes. */
const maxPruned = 16;

/**
 * The version that a caller asks for, the newest if none is named.
 *
 * @throws {KeyringError} `version_mismatch` if it is not among the versions that are kept; `not_found` if there is none.
 */
export function askedVersion({ path, versions, currentVersion }: StoredSecret, asked?: number): StoredVersion {
  if (currentVersion === 0) {
    throw new KeyringError("not_found", `"${path}" has labels and no version yet; write the first one.`);
  }
  const found = versions.find(({ version }) => version === (asked ?? currentVersion));
  if (found) return found;
  throw new KeyringError("version_mismatch", missingVersion(path, versions, asked ?? currentVersion), {
    version: currentVersion,
  });
}

/**
 * The version, if its value can be read.
 *
 * @throws {KeyringError} `deleted`, `destroyed`, `version_mismatch`.
 */
export function liveVersion(secret: StoredSecret, asked?: number): StoredVersion {
  const found = askedVersion(secret, asked);
  if (found.state === "live") return found;
  const { path, currentVersion } = secret;
  const details = { version: currentVersion };
  if (found.state === "deleted") {
    throw new KeyringError("deleted", `Version ${found.version} of "${path}" is deleted; undelete it first.`, details);
  }
  throw new KeyringError("destroyed", `Version ${found.version} of "${path}" is destroyed.`, details);
}

/** @throws {KeyringError} `expired` if the secret's time has come. @param now milliseconds since the epoch. */
export function refuseExpired({ path, expiresAt, currentVersion }: StoredSecret, now: number): void {
  if (expiresAt === undefined || expiresAt > now) return;
  throw new KeyringError("expired", `"${path}" has expired at ${rfc3339(expiresAt)}.`, { version: currentVersion });
}

/**
 * Compares the newest version with the one that a caller expects.
 *
 * @param secret `undefined` if the path does not exist.
 * @throws {KeyringError} `version_mismatch`.
 */
export function checkVersion(path: SecretPath, secret: StoredSecret | undefined, cas: number | undefined): void {
  if (cas === undefined || cas === (secret?.currentVersion ?? 0)) return;
  if (!secret) {
    throw new KeyringError("version_mismatch", `"${path}" does not exist, so it has no version ${cas}.`);
  }
  const { currentVersion } = secret;
  const message = cas === 0
    ? `"${path}" exists, with version ${currentVersion}.`
    : `"${path}" has version ${currentVersion}, not ${cas}.`;
  throw new KeyringError("version_mismatch", message, { version: currentVersion });
}

/** The versions with a change of those that are named; the order stays. */
export function changedVersions(
  secret: StoredSecret,
  asked: readonly number[],
  change: (version: StoredVersion) => StoredVersion,
): readonly StoredVersion[] {
  const numbers = new Set(asked.map((version) => askedVersion(secret, version).version));
  return secret.versions.map((version) => numbers.has(version.version) ? change(version) : version);
}

/**
 * The versions that are more than a secret keeps: the oldest, never the newest, and none that is young or whose value is
 * being destroyed.
 *
 * @param now milliseconds since the epoch.
 */
export function prunedVersions(
  versions: readonly StoredVersion[],
  kept: number,
  now: number,
): readonly StoredVersion[] {
  return versions.slice(0, Math.max(0, versions.length - kept))
    .filter(({ createdAt, state }) => now - createdAt >= minVersionAgeMs && state !== "destroying")
    .slice(0, maxPruned);
}

function missingVersion(path: SecretPath, versions: readonly StoredVersion[], asked: number): string {
  const [first, last] = [versions[0]?.version, versions.at(-1)?.version];
  if (first === last) return `"${path}" has version ${last}, not ${asked}.`;
  return `"${path}" has versions ${first} to ${last}, not ${asked}.`;
}

/** The error for a path without a secret. */
export function pathAbsent(path: SecretPath): KeyringError {
  return new KeyringError("not_found", `"${path}" does not exist.`);
}

/** The error for a path at which a secret exists. */
export function pathTaken(path: SecretPath, secret: StoredSecret): KeyringError {
  const { currentVersion: version } = secret;
  const { state } = askedVersion(secret);
  const cure = state === "deleted"
    ? `it is deleted; undelete it, or write version ${version + 1} with check-and-set ${version}`
    : `write version ${version + 1} with check-and-set ${version}`;
  return new KeyringError("exists", `"${path}" exists already, with version ${version}: ${cure}.`, { version });
}

/** @throws {KeyringError} `destroyed` */
export function refuseDestroyed({ path, currentVersion }: StoredSecret, { version, state }: StoredVersion): void {
  if (state === "live" || state === "deleted") return;
  throw new KeyringError("destroyed", `Version ${version} of "${path}" is destroyed.`, { version: currentVersion });
}
