/**
 * Seals every record anew under a new store key, in steps and while the store serves: for a store key that may have leaked.
 *
 * The new key belongs to a new epoch. The rows of the old keys are written again with it, so that each transaction that
 * was begun with an old key fails: from then on nothing new is sealed under one. While the mark stands, old keys open
 * records; it is removed together with them.
 *
 * @module
 */
import { KeyringError } from "../../../api/keyring/problems.ts";
import {
  engineLimits,
  type RowCondition,
  type RowWrite,
  type StoredRow,
  type TableName,
  tables,
} from "../engine/engine.ts";
import { newKey } from "./new_store.ts";
import { rawContent, type RowContexts } from "./raw_rows.ts";
import { recordOperations } from "./records.ts";
import type { SealedRecordStore } from "./record_store.ts";
import { isResealing, resealCodec } from "./reseal_mark.ts";
import { recordHeader, recordOverhead, sealRecord } from "./seal.ts";
import { metaKey } from "./store_format.ts";
import type { OpenedKey, StoreKeyRow } from "./store_key.ts";
import { keyCondition, keyRowName } from "./store_keys.ts";

/** How a reseal runs. */
export interface ResealCall {
  readonly signal: AbortSignal;
  /** The contexts of all codecs that have one. */
  readonly contexts: RowContexts;
  readonly onProgress?: (progress: ResealProgress) => void;
}

/** The progress of a reseal. */
export interface ResealProgress {
  /** The table that is being read. */
  readonly table: TableName;
  /** Number of records that were sealed anew. */
  readonly resealed: number;
  /** Number of rows that belong to nothing: they cannot be opened afterwards. */
  readonly skipped: number;
}

/** Number of rows that are read at once, each of up to 1.2 MB. */
const pageRows = 32;

/** Maximum number of passes over a table whose rows change all the time. */
const passes = 20;

const markName = { table: "meta", key: metaKey("reseal") } as const;

/**
 * Seals every record anew. An interrupted reseal is gone on with by the next call.
 *
 * @returns the progress at its end.
 * @throws {KeyringError} `integrity` for a record that does not open; `kms_unavailable`; `conflict`.
 */
export async function reseal(store: SealedRecordStore, call: ResealCall): Promise<ResealProgress> {
  const { signal } = call;
  await store.ready(signal);
  const key = await begun(store, signal);
  const run = new ResealRun(store, key, call);
  for (const table of Object.keys(tables) as TableName[]) {
    if (table !== "key") await run.table(table);
  }
  await end(store, key, signal);
  return run.progress;
}

/** The key of the new epoch; made unless a reseal was interrupted. */
async function begun(store: SealedRecordStore, signal: AbortSignal): Promise<OpenedKey> {
  const { ring, engine } = store;
  await ring.load(signal);
  const old = ring.ofUse("record");
  const [newest] = old;
  if (!newest) throw new KeyringError("integrity", "The store has no key for records: it was changed or damaged.");
  const opened = await ring.open(newest, signal);
  if (await isResealing(engine, opened, signal)) return opened;
  if (2 * old.length > recordOperations) throw new KeyringError("internal", "The store has too many keys to reseal.");
  await start(store, old, signal);
  const [made] = ring.ofUse("record");
  if (!made || made.epoch <= newest.epoch) throw new KeyringError("conflict", "Cannot reseal: the store keys changed.");
  return await ring.open(made, signal);
}

async function start(store: SealedRecordStore, old: readonly StoreKeyRow[], signal: AbortSignal): Promise<void> {
  const { ring, engine, storeId, clock } = store;
  const key = newKey(ring, "record", (old[0]?.epoch ?? 0) + 1);
  const before = await engine.get(old.map(keyRowName), signal);
  const [mark] = await engine.get([markName], signal);
  const now = Math.floor(clock.wall());
  const content = resealCodec.encode({ epoch: key.name.epoch, startedAt: now });
  const sealKey = { id: key.name.id, bytes: key.bytes };
  const bytes = sealRecord(content, sealKey, { storeId, ...markName, context: new Uint8Array(0) }, now);
  const touched: RowWrite[] = before.flatMap((row) =>
    row ? [{ table: row.table, key: row.key, bytes: row.bytes }] : []
  );
  const writes = [...await ring.sealed([key], signal), ...touched, { ...markName, bytes }];
  key.bytes.fill(0);
  await engine.commit([...old.map(keyCondition), { ...markName, version: mark?.version ?? "absent" }], writes, signal);
  await ring.load(signal);
}

/** Takes the old keys out of force. */
async function end(store: SealedRecordStore, key: OpenedKey, signal: AbortSignal): Promise<void> {
  const { ring, engine } = store;
  await ring.load(signal);
  const old = ring.ofUse("record").filter(({ epoch }) => epoch < key.epoch);
  const writes = [...old.map(keyRowName), markName].map((name) => ({ ...name, bytes: undefined }));
  if (!await engine.commit(old.map(keyCondition), writes, signal)) {
    throw new KeyringError(
      "conflict",
      "Cannot end the reseal: the store keys changed at the same time; start it again.",
    );
  }
  await ring.load(signal);
  await engine.purge(signal);
}

/** The steps of one reseal. */
class ResealRun {
  readonly #store: SealedRecordStore;
  readonly #key: OpenedKey;
  readonly #call: ResealCall;
  progress: ResealProgress = { table: "meta", resealed: 0, skipped: 0 };

  constructor(store: SealedRecordStore, key: OpenedKey, call: ResealCall) {
    this.#store = store;
    this.#key = key;
    this.#call = call;
  }

  /** Seals a table anew, in passes until none of its rows is under an old key. */
  async table(table: TableName): Promise<void> {
    this.progress = { ...this.progress, table };
    const { skipped } = this.progress;
    for (let pass = 0; pass < passes; pass++) {
      this.progress = { ...this.progress, skipped };
      if (await this.#pass(table)) return;
    }
    throw new KeyringError(
      "conflict",
      `Cannot reseal: records of the table "${table}" change all the time; try again.`,
    );
  }

  /** @returns whether no row of the table was left. */
  async #pass(table: TableName): Promise<boolean> {
    let isComplete = true;
    let after: Uint8Array | undefined;
    for (;;) {
      const range = { table, prefix: new Uint8Array(0), limit: pageRows, ...(after && { after }) };
      const rows = await this.#store.engine.scan(range, this.#call.signal);
      for (const part of parts(rows.filter((row) => !this.#isNew(row)))) {
        if (!await this.#reseal(part)) isComplete = false;
      }
      this.#call.onProgress?.(this.progress);
      if (rows.length < pageRows) return isComplete;
      after = rows.at(-1)?.key;
    }
  }

  async #reseal(rows: readonly StoredRow[]): Promise<boolean> {
    const { engine, storeId } = this.#store;
    const reader = this.#store.reader(this.#call.signal);
    const [conditions, writes]: [RowCondition[], RowWrite[]] = [[keyCondition(this.#key)], []];
    for (const row of rows) {
      const opened = await rawContent(reader, row, this.#call.contexts);
      const header = recordHeader(row.bytes);
      if (!opened || !header) continue;
      const name = { table: row.table, key: row.key };
      const binding = { storeId, ...name, context: opened.context };
      conditions.push({ ...name, version: row.version });
      writes.push({ ...name, bytes: sealRecord(opened.content, this.#key, binding, header.revision) });
    }
    const isCommitted = writes.length === 0 || await engine.commit(conditions, writes, this.#call.signal);
    const { resealed, skipped } = this.progress;
    if (isCommitted) {
      this.progress = {
        ...this.progress,
        resealed: resealed + writes.length,
        skipped: skipped + rows.length - writes.length,
      };
    }
    return isCommitted;
  }

  #isNew({ bytes }: StoredRow): boolean {
    const id = recordHeader(bytes)?.keyId;
    return id !== undefined && (this.#store.ring.row(id)?.epoch ?? 0) >= this.#key.epoch;
  }
}

/** Splits rows, so that each part fits into a transaction. */
function parts(rows: readonly StoredRow[]): readonly StoredRow[][] {
  const found: StoredRow[][] = [];
  let left = 0;
  for (const row of rows) {
    const size = row.bytes.length + recordOverhead;
    if (size > left || found.length === 0) {
      found.push([]);
      left = engineLimits.transactionBytes;
    }
    found.at(-1)?.push(row);
    left -= size;
  }
  return found;
}
