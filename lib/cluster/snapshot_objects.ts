/**
 * The objects of a snapshot: the newest revision of each key that was not deleted.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { revisionsIn } from "./snapshot/key_bucket.ts";
import type { SnapshotFile } from "./snapshot/snapshot_file.ts";

/** An object as it is stored. The arrays are views of the file. */
export interface SnapshotObject {
  /** The whole key in etcd. */
  readonly key: string;
  readonly keyBytes: Uint8Array;
  readonly value: Uint8Array;
  readonly revision: number;
}

/** Every object below a prefix, the newest first. @throws {SnapshotError} if the file is damaged. */
export function* objectsIn(snapshot: SnapshotFile, path: string, prefix: string): Generator<SnapshotObject> {
  const seen = new Set<string>();
  for (const { key: keyBytes, value, revision, isDeleted } of revisionsIn(snapshot.file, path)) {
    // Latin-1 gives different texts for different bytes; names of Kubernetes are ASCII.
    const key = Buffer.from(keyBytes.buffer, keyBytes.byteOffset, keyBytes.byteLength).toString("latin1");
    if (seen.has(key)) continue;
    seen.add(key);
    if (!isDeleted && key.startsWith(prefix)) yield { key, keyBytes, value, revision };
  }
}
