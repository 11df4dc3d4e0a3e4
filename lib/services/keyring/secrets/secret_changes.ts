/**
 * What a write makes of a secret's metadata: pure, so that a transaction can run it again.
 *
 * @module
 */
import { type SecretField, secretLimits } from "../../../api/keyring/fields.ts";
import type { SecretPath } from "../../../api/keyring/paths.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { checkContent, checkExpiry, checkKeptVersions, checkLabels } from "./content.ts";
import { metadataCodec, type StoredSecret, type StoredVersion } from "./metadata_record.ts";
import type { ChangeAction, NewSecret, NewVersion, SecretPatch } from "./model.ts";
import type { RecordTransaction } from "../records/records.ts";
import type { FoundSecret } from "./tree.ts";
import { prunedVersions } from "./versions.ts";
import type { StoredValue } from "./value_record.ts";

/** Maximum length of a metadata record's content: with a value of 1 MiB it fits into a transaction. */
const maxMetadataBytes = 180_000;

/** A new version before it is added. */
export interface AddedVersion {
  readonly value: StoredValue;
  readonly generated: boolean;
  readonly fingerprint?: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** A secret without versions, which a first one is added to. */
export function emptySecret(path: SecretPath, now: number): StoredSecret {
  return {
    path,
    labels: {},
    currentVersion: 0,
    keptVersions: secretLimits.keptVersions,
    versions: [],
    createdAt: now,
    updatedAt: now,
    lastAction: "create",
  };
}

/** The secret with one more version. */
export function withVersion(secret: StoredSecret, { value, generated, fingerprint, now }: AddedVersion): StoredSecret {
  const version: StoredVersion = {
    version: secret.currentVersion + 1,
    state: "live",
    createdAt: now,
    fields: value.fields.map(({ name, kind }) => ({ name, kind })),
    generated,
    ...(fingerprint !== undefined && { fingerprint }),
    hash: value.hash,
  };
  return { ...secret, currentVersion: version.version, versions: [...secret.versions, version] };
}

/** The secret with the labels and expiry of a new version, checked with its fields. */
export function withContent(secret: StoredSecret, content: NewSecret | NewVersion): StoredSecret {
  const labels = "labels" in content && content.labels ? content.labels : secret.labels;
  checkContent(secret.path, content.fields, labels);
  checkExpiry(secret.path, content.expiresAt);
  return { ...secret, labels: { ...labels }, ...(content.expiresAt !== undefined && { expiresAt: content.expiresAt }) };
}

/** The secret with the labels, expiry and number of kept versions of a patch. */
export function withPatch(secret: StoredSecret, patch: SecretPatch): StoredSecret {
  const labels = merged(secret.labels, patch.labels ?? {});
  checkLabels(secret.path, labels);
  checkExpiry(secret.path, patch.expiresAt ?? undefined);
  checkKeptVersions(secret.path, patch.keptVersions);
  const { expiresAt: before, ...rest } = secret;
  const expiresAt = patch.expiresAt === undefined ? before : patch.expiresAt ?? undefined;
  const keptVersions = patch.keptVersions ?? secret.keptVersions;
  return { ...rest, labels, keptVersions, ...(expiresAt !== undefined && { expiresAt }) };
}

/** The fields after a patch: those that stay keep their order, new ones follow. */
export function patchedFields(
  fields: readonly SecretField[],
  changes: NonNullable<SecretPatch["fields"]>,
): readonly SecretField[] {
  return Object.entries(merged(byName(fields), changes)).map(([name, field]) => ({ ...field, name }));
}

/** The fields, and those of `kept` that have another name. They keep their order, new ones follow. */
export function mergedFields(kept: readonly SecretField[], fields: readonly SecretField[]): readonly SecretField[] {
  return patchedFields(kept, byName(fields));
}

/** The stored secret after a write, and the versions that made room. */
export function finished(
  secret: StoredSecret,
  lastAction: ChangeAction,
  now: number,
): { readonly secret: StoredSecret; readonly pruned: readonly StoredVersion[] } {
  const pruned = prunedVersions(secret.versions, secret.keptVersions, now);
  const versions = secret.versions.filter((version) => !pruned.includes(version));
  const { movedFrom: _from, ...rest } = secret;
  const next = { ...(lastAction === "move" ? secret : rest), versions, updatedAt: now, lastAction };
  if (metadataCodec.encode(next).length > maxMetadataBytes) throw tooMuchHistory(next);
  return { secret: next, pruned };
}

function merged<Value>(
  before: Readonly<Record<string, Value>>,
  changes: Readonly<Record<string, Value | null>>,
): Record<string, Value> {
  const all = new Map<string, Value | null>([...Object.entries(before), ...Object.entries(changes)]);
  return Object.fromEntries([...all].flatMap(([name, value]) => value === null ? [] : [[name, value]]));
}

function byName(fields: readonly SecretField[]): Readonly<Record<string, Omit<SecretField, "name">>> {
  return Object.fromEntries(fields.map(({ name, ...field }) => [name, field]));
}

function tooMuchHistory({ path, versions, keptVersions }: StoredSecret): KeyringError {
  const message = `Cannot write "${path}": it keeps ${versions.length} versions, which is too much together; ` +
    `no version younger than 24 hours is removed, of the others ${keptVersions} are kept.`;
  return new KeyringError("too_large", message);
}

/** A write of one secret within a transaction. */
export interface SecretWrite {
  /** `undefined` if the path does not exist. */
  readonly found: FoundSecret | undefined;
  readonly tx: RecordTransaction;
  readonly now: number;
}

/** The result of a write before it is stored. */
export interface ChangedSecret {
  readonly id: Uint8Array;
  readonly secret: StoredSecret;
  readonly action: ChangeAction;
  readonly value?: StoredValue;
  readonly fingerprint?: string;
}

/** Rethrows all but refusals. */
export function unlessKeyringError(thrown: unknown): void {
  if (!(thrown instanceof KeyringError)) throw thrown;
}

/** The change that a new version is: a secret without versions has metadata alone. */
export function actionAt({ found }: SecretWrite): "create" | "update" {
  return found !== undefined && found.metadata.value.currentVersion > 0 ? "update" : "create";
}
