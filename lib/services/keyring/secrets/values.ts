/**
 * Reads the values of versions.
 *
 * @module
 */
import type { SecretField } from "../../../api/keyring/fields.ts";
import type { SecretPath } from "../../../api/keyring/paths.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { sameBytes } from "../../../base/bytes.ts";
import type { RecordReader } from "../records/records.ts";
import type { StoredVersion } from "./metadata_record.ts";
import type { FoundSecret } from "./tree.ts";
import { valueCodec, valueKey } from "./value_record.ts";

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

/** The failure for a value that is missing, or is not that of the metadata. */
export function wrongValue(path: SecretPath, version: number): KeyringError {
  const message =
    `Version ${version} of "${path}" does not verify: the store was changed or damaged; restore a backup.`;
  return new KeyringError("integrity", message);
}
