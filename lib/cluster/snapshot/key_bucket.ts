/**
 * The bucket `key` of an etcd member's database: every revision that is not compacted.
 *
 * Key: revision 8 bytes · `_` · number within its transaction 8 bytes, big-endian; then `t` for a deletion. Value:
 * `mvccpb.KeyValue`: 1 key, 2 create revision, 3 revision, 4 version, 5 value, 6 lease. Source: `server/storage/mvcc` of
 * go.etcd.io/etcd 3.6.
 *
 * @module
 */
import { lastFieldBytes } from "../wire_fields.ts";
import type { BoltFile } from "./bolt_file.ts";
import { SnapshotError } from "./snapshot_error.ts";

/** One write of a key. The arrays are valid until the next one is asked for. */
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
/** Numbers of the fields with the key and the value. */
const fields = [1, 5] as const;

/** Every revision, the newest first. @throws {SnapshotError} at the first one that etcd cannot have written. */
export function* revisionsIn(file: BoltFile, path: string): Generator<StoredRevision> {
  for (const { key: at, value: row, isBucket } of file.entries(file.bucket("key"), "descending")) {
    const isDeleted = at.length === keyLength.deleted && at[17] === tombstone;
    const isSound = !isBucket && (isDeleted || at.length === keyLength.written) && at[8] === separator;
    const [key, value] = (isSound ? lastFieldBytes(row, fields) : undefined) ?? [];
    const revision = revisionIn(at);
    if (key === undefined || key.length === 0) {
      throw new SnapshotError(`${path} is damaged: the row of revision ${revision} is not etcd's; take another copy.`);
    }
    yield { key, value: value ?? new Uint8Array(0), revision, isDeleted };
  }
}

/** Eight bytes, big-endian; rounded above 2^53. 0 if there are fewer. */
function revisionIn(at: Uint8Array): number {
  if (at.length < 8) return 0;
  let revision = 0;
  for (let index = 0; index < 8; index++) revision = revision * 256 + (at[index] ?? 0);
  return revision;
}
