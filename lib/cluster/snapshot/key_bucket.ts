/**
 * The bucket `key` of an etcd member's database: every revision that is not compacted.
 *
 * Key: revision 8 bytes · `_` · number within its transaction 8 bytes, big-endian; then `t` for a deletion. Value:
 * `mvccpb.KeyValue`: 1 key, 2 create revision, 3 revision, 4 version, 5 value, 6 lease. Source: `server/storage/mvcc` of
 * go.etcd.io/etcd 3.6.
 *
 * @module
 */
import { wireFields } from "../wire_fields.ts";
import type { BoltFile } from "./bolt_file.ts";
import { dataView } from "./bolt_page.ts";
import { SnapshotError } from "./snapshot_error.ts";

/** One write of a key. The arrays are views of the file. */
export interface StoredRevision {
  readonly key: Uint8Array;
  /** Empty for a deletion. */
  readonly value: Uint8Array;
  readonly revision: number;
  readonly isDeleted: boolean;
}

const keyLength = { written: 17, deleted: 18 } as const;
const separator = 0x5f;
const tombstone = 0x74;
const field = { key: 1, value: 5 } as const;

/** Every revision, the newest first. @throws {SnapshotError} at the first one that etcd cannot have written. */
export function* revisionsIn(file: BoltFile, path: string): Generator<StoredRevision> {
  for (const { key: at, value, isBucket } of file.entries(file.bucket("key"), "descending")) {
    const isDeleted = at.length === keyLength.deleted && at[17] === tombstone;
    const isSound = !isBucket && (isDeleted || at.length === keyLength.written) && at[8] === separator;
    const fields = isSound ? wireFields(value) : undefined;
    const key = fields?.findLast(({ id }) => id === field.key)?.bytes;
    const revision = Number(dataView(at).byteLength >= 8 ? dataView(at).getBigUint64(0) : 0n);
    if (key === undefined || key.length === 0) {
      throw new SnapshotError(`${path} is damaged: the row of revision ${revision} is not etcd's; take another copy.`);
    }
    const stored = fields?.findLast(({ id }) => id === field.value)?.bytes ?? new Uint8Array(0);
    yield { key, value: stored, revision, isDeleted };
  }
}
