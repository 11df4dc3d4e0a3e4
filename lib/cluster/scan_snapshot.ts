/**
 * Reads the values of a snapshot into a table of usage.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { EncryptionUsage } from "./encryption_usage.ts";
import { keyText, type StoredKeys } from "./objects/stored_key.ts";
import { LabelReader } from "./objects/stored_value.ts";
import { agedRevisions } from "./snapshot_objects.ts";
import type { SnapshotFile } from "./snapshot/snapshot_file.ts";

/** Options of {@linkcode scanSnapshot}. */
export interface ScanOptions {
  readonly keys: StoredKeys;
  /** Whether revisions before the newest one of a key are counted. */
  readonly allRevisions: boolean;
  readonly signal: AbortSignal;
  /** Called now and then. @param revisions how many were read. */
  readonly onRead?: (revisions: number) => void;
}

/** The result of a scan. */
export interface Scanned {
  /** The newest revision of etcd in the data. */
  readonly revision: number;
  /** Number of keys that are not below the prefix. */
  readonly otherKeys: number;
}

/** Number of revisions between two looks at the signal. */
const turnLength = 4_096;

/**
 * Counts every value below the prefix.
 *
 * @throws {SnapshotError} if the file is damaged.
 */
export async function scanSnapshot(
  snapshot: SnapshotFile,
  path: string,
  usage: EncryptionUsage,
  { keys, allRevisions, signal, onRead }: ScanOptions,
): Promise<Scanned> {
  const labels = new LabelReader();
  let [read, newest, otherKeys] = [0, 0, 0];
  for (const { key, value, revision, isDeleted, isOlder } of agedRevisions(snapshot, path)) {
    newest = Math.max(newest, revision);
    if (++read % turnLength === 0) {
      onRead?.(read);
      await new Promise<void>((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
    }
    if (isDeleted || (isOlder && !allRevisions)) continue;
    const stored = keys.read(keyText(key));
    if (stored !== undefined) usage.add(stored, labels.read(value), revision, isOlder ? "older" : "newest");
    else if (!isOlder) otherKeys++;
  }
  return { revision: newest, otherKeys };
}
