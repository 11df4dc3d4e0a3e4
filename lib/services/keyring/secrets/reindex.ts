/**
 * Moves every row of the index to its name under a new index key, in steps and while the store serves. While there are two
 * index keys, each lookup asks for both names.
 *
 * @module
 */
import { concat, equalBytes, utf8 } from "../../../base/bytes.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { RowWrite } from "../engine/engine.ts";
import { lookupMac } from "../records/key_session.ts";
import { newKey } from "../records/new_store.ts";
import type { OpenedRecord } from "../records/records.ts";
import type { SealedRecordStore } from "../records/record_store.ts";
import type { OpenedKey, StoreKeyRow } from "../records/store_key.ts";
import { keyCondition, keyRowName } from "../records/store_keys.ts";
import { indexCodec, type IndexEntry, treeIdBytes } from "./index_record.ts";

/** How a reindex runs. */
export interface ReindexCall {
  readonly signal: AbortSignal;
  /** Called with the number of rows that were moved so far. */
  readonly onProgress?: (moved: number) => void;
}

/** Number of rows that one scan reads and one transaction moves. */
const sizes = { page: 500, move: 20 } as const;

/** Maximum number of passes over an index that changes all the time. */
const passes = 20;

/**
 * Replaces the index key. An interrupted reindex is gone on with by the next call.
 *
 * @returns the number of rows that were moved.
 * @throws {KeyringError} `integrity`, `kms_unavailable`, `conflict`.
 */
export async function reindex(store: SealedRecordStore, call: ReindexCall): Promise<number> {
  const { signal, onProgress = () => {} } = call;
  await store.ready(signal);
  const key = await begun(store, signal);
  let moved = 0;
  for (let pass = 0; pass < passes; pass++) {
    const count = await movedRows(store, key, signal, (count) => onProgress(moved + count));
    moved += count;
    if (count > 0) continue;
    await end(store, key, signal);
    return moved;
  }
  throw new KeyringError("conflict", "Cannot reindex: the index changes all the time; try again.");
}

/** The new index key; made unless a reindex was interrupted. */
async function begun(store: SealedRecordStore, signal: AbortSignal): Promise<OpenedKey> {
  const { ring, engine } = store;
  await ring.load(signal);
  const keys = ring.ofUse("index");
  const [current] = keys;
  if (!current) throw new KeyringError("integrity", "The store has no index key: it was changed or damaged.");
  if (keys.length > 1) return await ring.open(current, signal);
  const key = newKey(ring, "index", current.epoch + 1);
  const [row] = await engine.get([keyRowName(current)], signal);
  // Written again, so that a transaction that knows the old key alone fails.
  const touched: RowWrite[] = row ? [{ ...keyRowName(current), bytes: row.bytes }] : [];
  const writes = [...await ring.sealed([key], signal), ...touched];
  key.bytes.fill(0);
  await engine.commit([keyCondition(current)], writes, signal);
  await ring.load(signal);
  const [made] = ring.ofUse("index");
  if (!made || made.epoch <= current.epoch) {
    throw new KeyringError("conflict", "Cannot reindex: the store keys changed.");
  }
  return await ring.open(made, signal);
}

async function movedRows(
  store: SealedRecordStore,
  key: OpenedKey,
  signal: AbortSignal,
  onMoved: (count: number) => void,
): Promise<number> {
  let count = 0;
  let after: Uint8Array | undefined;
  for (;;) {
    const rows = await store.reader(signal).scan(indexCodec, { limit: sizes.page, ...(after && { after }) });
    const old = rows.filter((row) => !equalBytes(row.key, keyUnder(key, row)));
    for (let at = 0; at < old.length; at += sizes.move) {
      count += await moveRows(store, key, old.slice(at, at + sizes.move), signal);
      onMoved(count);
    }
    if (rows.length < sizes.page) return count;
    after = rows.at(-1)?.key;
  }
}

async function moveRows(
  store: SealedRecordStore,
  key: OpenedKey,
  rows: readonly OpenedRecord<IndexEntry>[],
  signal: AbortSignal,
): Promise<number> {
  return await store.transaction(async (tx) => {
    const found = (await tx.getMany(indexCodec, rows.map((row) => row.key))).filter((row) => row !== undefined);
    for (const row of found) {
      tx.delete(indexCodec, row.key);
      tx.put(indexCodec, keyUnder(key, row), row.value);
    }
    return found.length;
  }, signal);
}

async function end(store: SealedRecordStore, key: OpenedKey, signal: AbortSignal): Promise<void> {
  const { ring, engine } = store;
  const old: readonly StoreKeyRow[] = ring.ofUse("index").filter(({ id }) => !equalBytes(id, key.id));
  const writes = old.map((row) => ({ ...keyRowName(row), bytes: undefined }));
  if (!await engine.commit(old.map(keyCondition), writes, signal)) {
    throw new KeyringError(
      "conflict",
      "Cannot end the reindex: the store keys changed at the same time; start it again.",
    );
  }
  await ring.load(signal);
}

/** The key of a row under the new index key. */
function keyUnder({ bytes }: OpenedKey, { key, value: { kind, name } }: OpenedRecord<IndexEntry>): Uint8Array {
  const parent = key.slice(0, treeIdBytes);
  return concat(parent, lookupMac(bytes, kind === "secret" ? "secret" : "folder", [parent, utf8(name)]));
}
