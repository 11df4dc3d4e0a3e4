/**
 * The time of the last backup, for health.
 *
 * @module
 */
import * as z from "zod/mini";
import { utf8 } from "../../../base/bytes.ts";
import type { Clock } from "../../../base/clock.ts";
import { jsonCodec } from "../records/json_codec.ts";
import type { RecordStore } from "../records/records.ts";

const codec = jsonCodec<{ readonly at: number }>("meta", z.strictObject({ at: z.int() }));

const rowKey = utf8("last-backup");

/** Milliseconds since the epoch; `undefined` if there was none. */
export async function lastBackup(store: RecordStore, signal: AbortSignal): Promise<number | undefined> {
  return (await store.reader(signal).get(codec, rowKey))?.value.at;
}

/** Notes that a backup was written. @returns its time. */
export async function noteBackup(store: RecordStore, clock: Clock, signal: AbortSignal): Promise<number> {
  const at = Math.floor(clock.wall());
  await store.transaction((tx) => {
    tx.put(codec, rowKey, { at });
    return Promise.resolve();
  }, signal);
  return at;
}
