/**
 * The restore number: how often the store was restored from a backup without its identities. Each enrolment, code and
 * token holds the number of its time, and is refused with any other one.
 *
 * @module
 */
import * as z from "zod/mini";
import { utf8 } from "../../../base/bytes.ts";
import { jsonCodec } from "../records/json_codec.ts";
import type { RowName } from "../engine/engine.ts";
import type { FetchedRecord, RecordReader, RecordTransaction } from "../records/records.ts";

const codec = jsonCodec<{ readonly number: number }>(
  "meta",
  z.strictObject({ number: z.int().check(z.minimum(1)) }),
);

const rowKey = utf8("restore number");

/** The row of the restore number, for `RecordReader.fetch`. */
export const restoreRow: RowName = { table: codec.table, key: rowKey };

/** The restore number of a row that was fetched by {@linkcode restoreRow}. */
export async function openedRestoreNumber(reader: RecordReader, fetched: FetchedRecord | undefined): Promise<number> {
  return (fetched === undefined ? undefined : await reader.open(codec, fetched))?.value.number ?? 0;
}

/** The restore number of the store; 0 if it never was restored. */
export async function restoreNumber(reader: RecordReader): Promise<number> {
  return (await reader.get(codec, rowKey))?.value.number ?? 0;
}

/** Refuses all enrolments, codes and tokens that exist. A restore does this unless it keeps the identities. */
export async function refuseEarlierIdentities(tx: RecordTransaction): Promise<void> {
  tx.put(codec, rowKey, { number: await restoreNumber(tx) + 1 });
}
