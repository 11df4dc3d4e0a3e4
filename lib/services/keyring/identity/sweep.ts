/**
 * Deletes rows of identities that are of no use any more.
 *
 * @module
 */
import type { RecordCodec, RecordStore } from "../records/records.ts";
import type { Clock } from "../../../base/clock.ts";
import { codeCodec, enrolmentCodec } from "./enrolment_records.ts";
import { enrolmentLastUse } from "./enrolment_state.ts";
import { lifetimes } from "./lifetimes.ts";
import { tokenCodec } from "./token_records.ts";

/** Rows that are read together. */
const pageRows = 500;

/**
 * Deletes codes that have expired, tokens that have expired, and enrolments whose end was 30 days ago. Call it once an
 * hour.
 */
export async function sweepIdentities(
  { store, clock }: { readonly store: RecordStore; readonly clock: Clock },
  signal: AbortSignal,
): Promise<void> {
  const now = clock.wall();
  await sweep(store, codeCodec, ({ expiresAt }) => expiresAt <= now, signal);
  await sweep(store, tokenCodec, ({ expiresAt }) => expiresAt <= now, signal);
  await sweep(store, enrolmentCodec, (record) => enrolmentLastUse(record) + lifetimes.keptRows <= now, signal);
}

async function sweep<Value>(
  store: RecordStore,
  codec: RecordCodec<Value>,
  isOver: (value: Value) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const reader = store.reader(signal);
  let after: Uint8Array | undefined;
  for (;;) {
    const found = await reader.scan(codec, { ...(after === undefined ? {} : { after }), limit: pageRows });
    for (const { key } of found.filter(({ value }) => isOver(value))) {
      await store.transaction(async (tx) => {
        // It may have been renewed since the scan.
        const row = await tx.get(codec, key);
        if (row !== undefined && isOver(row.value)) tx.delete({ table: codec.table }, key);
      }, signal);
    }
    after = found.at(-1)?.key;
    if (found.length < pageRows) return;
  }
}
