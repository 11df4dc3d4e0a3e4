/**
 * The objects of a snapshot: the newest revision of each key that was not deleted.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { revisionsIn, type StoredRevision } from "./snapshot/key_bucket.ts";
import type { SnapshotFile } from "./snapshot/snapshot_file.ts";

/** An object as it is stored. The arrays are views of the file. */
export interface SnapshotObject {
  /** The whole key in etcd. */
  readonly key: string;
  readonly keyBytes: Uint8Array;
  readonly value: Uint8Array;
  readonly revision: number;
}

/** A write of a key, and whether the key was written again later. */
export interface AgedRevision extends StoredRevision {
  /** The key as text. */
  readonly text: string;
  readonly isOlder: boolean;
}

/** Every revision, the newest first. @throws {SnapshotError} if the file is damaged. */
export function* agedRevisions(snapshot: SnapshotFile, path: string): Generator<AgedRevision> {
  const seen = new Set<string>();
  for (const stored of revisionsIn(snapshot.file, path)) {
    const { key } = stored;
    // Latin-1 gives different texts for different bytes; names of Kubernetes are ASCII.
    const text = Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
    const isOlder = seen.has(text);
    if (!isOlder) seen.add(text);
    yield { ...stored, text, isOlder };
  }
}

/** Every object below a prefix, the newest first. @throws {SnapshotError} if the file is damaged. */
export function* objectsIn(snapshot: SnapshotFile, path: string, prefix: string): Generator<SnapshotObject> {
  for (const { text, key, value, revision, isDeleted, isOlder } of agedRevisions(snapshot, path)) {
    if (isOlder || isDeleted || !text.startsWith(prefix)) continue;
    yield { key: text, keyBytes: key, value, revision };
  }
}
