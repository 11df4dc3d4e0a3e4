/**
 * The objects of a snapshot: the newest revision of each key that was not deleted.
 *
 * @module
 */
import { keyText } from "./objects/stored_key.ts";
import { revisionsIn, type StoredRevision } from "./snapshot/key_bucket.ts";
import { KeySet } from "./snapshot/key_set.ts";
import type { SnapshotFile } from "./snapshot/snapshot_file.ts";

/** An object as it is stored. */
export interface SnapshotObject {
  /** The whole key in etcd. */
  readonly key: string;
  readonly keyBytes: Uint8Array;
  readonly value: Uint8Array;
  readonly revision: number;
}

/** A write of a key, and whether the key was written again later. The arrays are valid until the next one is asked for. */
export interface AgedRevision extends StoredRevision {
  readonly isOlder: boolean;
}

/** Every revision, the newest first. @throws {SnapshotError} if the file is damaged. */
export function* agedRevisions(snapshot: SnapshotFile, path: string): Generator<AgedRevision> {
  const seen = new KeySet();
  for (const { key, value, revision, isDeleted } of revisionsIn(snapshot.file, path)) {
    yield { key, value, revision, isDeleted, isOlder: !seen.add(key) };
  }
}

/** Every object below a prefix, the newest first. @throws {SnapshotError} if the file is damaged. */
export function* objectsIn(snapshot: SnapshotFile, path: string, prefix: string): Generator<SnapshotObject> {
  for (const { key, value, revision, isDeleted, isOlder } of agedRevisions(snapshot, path)) {
    if (isOlder || isDeleted) continue;
    const text = keyText(key);
    // An object outlasts its page: a plain one is printed as it is.
    if (text.startsWith(prefix)) yield { key: text, keyBytes: key.slice(), value: value.slice(), revision };
  }
}
