/**
 * Counts the values in pages that no tree of a snapshot has: overwritten and deleted ones, which stay in the file until it
 * is defragmented.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { setImmediate } from "node:timers";
import type { SnapshotFile } from "./snapshot_file.ts";

/** Numbers of beginnings of values. A value can be found several times, since bbolt copies pages. */
export interface FreedValues {
  /** `k8s:enc:`. */
  readonly encrypted: number;
  /** `k8s` and a zero byte: an object in plain text. */
  readonly plain: number;
  /** Number of pages that no tree has. */
  readonly pages: number;
}

const encrypted = Buffer.from("k8s:enc:");
const plain = Buffer.from("k8s\0");

/** Pages that are read together; a beginning that crosses two reads is found too. */
const pagesAtOnce = 64;

/** Reads every tree, then the pages outside of all trees. @throws {SnapshotError} if a tree is damaged. */
export async function freedValues(snapshot: SnapshotFile, signal: AbortSignal): Promise<FreedValues> {
  const { file, size } = snapshot;
  for (const bucket of file.buckets()) {
    const elements = file.entries(bucket, "ascending");
    while (elements.next().done !== true);
  }
  const { pageSize } = file.meta;
  const last = Math.floor(size / pageSize);
  const buffer = new Uint8Array(pagesAtOnce * pageSize + encrypted.length);
  const counts = { encrypted: 0, plain: 0, pages: 0 };
  for (let page = 2; page < last;) {
    const free = freeFrom(page, Math.min(last, page + pagesAtOnce), (at) => file.isReached(at));
    if (free > 0) {
      const overlap = page > 2 ? encrypted.length - 1 : 0;
      const bytes = buffer.subarray(0, free * pageSize + overlap);
      snapshot.readInto(page * pageSize - overlap, bytes);
      counts.encrypted += occurrences(bytes, encrypted);
      // The overlap holds a whole shorter text, which the read before has counted.
      counts.plain += occurrences(bytes.subarray(Math.max(0, overlap - plain.length + 1)), plain);
      counts.pages += free;
      await new Promise<void>((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
    }
    page += Math.max(1, free);
  }
  return counts;
}

function freeFrom(page: number, end: number, isReached: (page: number) => boolean): number {
  let at = page;
  while (at < end && !isReached(at)) at++;
  return at - page;
}

function occurrences(bytes: Uint8Array, text: Buffer): number {
  const where = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let count = 0;
  for (let at = where.indexOf(text); at >= 0; at = where.indexOf(text, at + 1)) count++;
  return count;
}
