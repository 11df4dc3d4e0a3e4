/**
 * Reads the values of versions.
 *
 * @module
 */
import type { SecretField } from "../../../api/keyring/fields.ts";
import type { SecretPath } from "../../../api/keyring/paths.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { equalBytes, sameBytes } from "../../../base/bytes.ts";
import type { RecordReader } from "../records/records.ts";
import type { StoredVersion } from "./metadata_record.ts";
import type { SecretDiff } from "./model.ts";
import type { FoundSecret } from "./tree.ts";
import { valueCodec, valueKey } from "./value_record.ts";
import { askedVersion } from "./versions.ts";

/**
 * The fields of a version.
 *
 * @returns `undefined` if there is no row: it may have been deleted since the metadata was read.
 * @throws {KeyringError} `integrity` if the metadata was made for another value.
 */
export async function readFields(
  reader: RecordReader,
  { id, value, metadata }: FoundSecret,
  version: StoredVersion,
): Promise<readonly SecretField[] | undefined> {
  const codec = valueCodec(version.fields.map(({ name }) => name));
  const key = valueKey(id, version.version);
  const isFetched = value !== undefined && sameBytes(value.name.key, key);
  const record = isFetched ? await reader.open(codec, value) : await reader.get(codec, key);
  if (!record) return undefined;
  const { fields, hash } = record.value;
  const kindsFit = fields.every(({ kind }, index) => kind === version.fields[index]?.kind);
  if (hash !== version.hash || !kindsFit) throw wrongValue(metadata.value.path, version.version);
  return fields;
}

/** The fields of the newest version; none if it is not live. @throws {KeyringError} `integrity` */
export async function liveFields(reader: RecordReader, found: FoundSecret): Promise<readonly SecretField[]> {
  const version = askedVersion(found.metadata.value);
  if (version.state !== "live") return [];
  const fields = await readFields(reader, found, version);
  if (fields) return fields;
  throw wrongValue(found.metadata.value.path, version.version);
}

/** The names of the fields that differ between two lists. */
export function fieldDifferences(before: readonly SecretField[], after: readonly SecretField[]): SecretDiff {
  const old = new Map(before.map((field) => [field.name, field]));
  const kept = after.filter(({ name }) => old.has(name));
  const isSame = ({ name, kind, value }: SecretField) =>
    old.get(name)?.kind === kind && equalBytes(old.get(name)?.value ?? new Uint8Array(0), value);
  const names = (fields: readonly SecretField[]) => fields.map(({ name }) => name).toSorted();
  return {
    added: names(after.filter(({ name }) => !old.has(name))),
    removed: names(before.filter(({ name }) => !after.some((field) => field.name === name))),
    changed: names(kept.filter((field) => !isSame(field))),
    same: names(kept.filter(isSame)),
  };
}

/** The failure for a value that is missing, or is not that of the metadata. */
export function wrongValue(path: SecretPath, version: number): KeyringError {
  const message =
    `Version ${version} of "${path}" does not verify: the store was changed or damaged; restore a backup.`;
  return new KeyringError("integrity", message);
}
