/**
 * Reads of records in one request or transaction.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { sameBytes } from "../../../base/bytes.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { Engine, RowName, StoredRow } from "../engine/engine.ts";
import type { KeySession } from "./key_session.ts";
import type { FetchedRecord, LookupPurpose, OpenedRecord, RecordDecoder, RecordReader } from "./records.ts";
import type { OpenedRecordCache } from "./opened_record_cache.ts";
import { openRecord, type RecordHeader, recordHeader } from "./seal.ts";
import type { OpenedKey } from "./store_key.ts";

/** Parts of a {@linkcode RecordSession}. */
export interface RecordSessionParts {
  readonly engine: Engine;
  readonly cache: OpenedRecordCache;
  readonly keys: KeySession;
  readonly signal: AbortSignal;
  /** Awaited before each read; throws if the store cannot be used. */
  readonly begin?: () => Promise<void> | void;
  /** Called with the revision of each record that was opened. */
  readonly onRevision: (revision: number) => void;
  /** Called for each row that was fetched by its name, again if it was fetched again. */
  readonly onFetched?: (fetched: FetchedRecord) => void;
}

/** Number of rows after which a scan lets other work run. */
const scanTurn = 256;

/** See the module. */
export class RecordSession implements RecordReader {
  readonly #parts: RecordSessionParts;

  constructor(parts: RecordSessionParts) {
    this.#parts = parts;
  }

  async get<Value>(codec: RecordDecoder<Value>, key: Uint8Array): Promise<OpenedRecord<Value> | undefined> {
    const [record] = await this.getMany(codec, [key]);
    return record;
  }

  async getMany<Value>(
    codec: RecordDecoder<Value>,
    keys: readonly Uint8Array[],
  ): Promise<readonly (OpenedRecord<Value> | undefined)[]> {
    const fetched = await this.fetch(keys.map((key) => ({ table: codec.table, key })));
    const records: (OpenedRecord<Value> | undefined)[] = [];
    for (const one of fetched) records.push(await this.open(codec, one));
    return records;
  }

  async scan<Value>(
    codec: RecordDecoder<Value>,
    { prefix = new Uint8Array(0), after, limit }: Parameters<RecordReader["scan"]>[1],
  ): Promise<readonly OpenedRecord<Value>[]> {
    const { engine, signal, begin } = this.#parts;
    await begin?.();
    const range = { table: codec.table, prefix, limit, ...(after && { after }) };
    const records: OpenedRecord<Value>[] = [];
    for (const [index, row] of (await engine.scan(range, signal)).entries()) {
      if (index % scanTurn === scanTurn - 1) await new Promise<void>((resolve) => setImmediate(resolve));
      const record = this.#known(codec, row) ?? await this.#current(codec, row);
      if (record) records.push(record);
    }
    return records;
  }

  async fetch(names: readonly RowName[]): Promise<readonly FetchedRecord[]> {
    if (names.length === 0) return [];
    const { engine, signal, begin, onFetched } = this.#parts;
    await begin?.();
    const rows = await engine.get(names, signal);
    return names.map((name, index) => {
      const fetched = { name, row: checkedRow(name, rows[index]) };
      onFetched?.(fetched);
      return fetched;
    });
  }

  async open<Value>(codec: RecordDecoder<Value>, { row }: FetchedRecord): Promise<OpenedRecord<Value> | undefined> {
    if (!row) return undefined;
    return this.#known(codec, row) ?? await this.#current(codec, row, this.#parts.onFetched);
  }

  async lookupKey(purpose: LookupPurpose, ...fields: readonly Uint8Array[]): Promise<Uint8Array> {
    const [current] = await this.lookupKeys(purpose, ...fields);
    return current ?? new Uint8Array(0);
  }

  async lookupKeys(purpose: LookupPurpose, ...fields: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    await this.#parts.begin?.();
    return await this.#parts.keys.lookupKeys(purpose, fields);
  }

  async requireKeys(): Promise<void> {
    await this.#parts.begin?.();
    await this.#parts.keys.requireRecordKeys();
  }

  async keysChanged(): Promise<boolean> {
    return await this.#parts.keys.changed();
  }

  /**
   * The record of a row, or that of the row as it is now if it was written again in the meantime: `reseal` takes the key
   * of the former content out of force.
   */
  async #current<Value>(
    codec: RecordDecoder<Value>,
    row: StoredRow,
    onFetched: RecordSessionParts["onFetched"] = () => {},
  ): Promise<OpenedRecord<Value> | undefined> {
    try {
      return await this.#opened(codec, row);
    } catch (thrown) {
      if (!(thrown instanceof KeyringError) || thrown.code !== "integrity") throw thrown;
      const name = { table: row.table, key: row.key };
      const [again] = await this.#parts.engine.get([name], this.#parts.signal);
      if (again?.version === row.version) throw thrown;
      onFetched({ name, row: checkedRow(name, again) });
      return again && await this.#opened(codec, again);
    }
  }

  async #opened<Value>(codec: RecordDecoder<Value>, row: StoredRow): Promise<OpenedRecord<Value>> {
    const header = recordHeader(row.bytes);
    if (!header) throw damagedRecord(row);
    const key = await this.#parts.keys.ofRecord(header.keyId);
    return this.#cached(codec, row) ?? this.#unsealed(codec, row, header, key);
  }

  /** The record without a wait: if its key is open in this session. */
  #known<Value>(codec: RecordDecoder<Value>, row: StoredRow): OpenedRecord<Value> | undefined {
    const header = recordHeader(row.bytes);
    const key = header && this.#parts.keys.peek(header.keyId);
    if (!key) return undefined;
    const cached = this.#cached(codec, row);
    if (cached) return cached;
    try {
      return this.#unsealed(codec, row, header, key);
    } catch {
      // The caller opens it again, with the error and another look at the row.
      return undefined;
    }
  }

  #cached<Value>({ cached }: RecordDecoder<Value>, row: StoredRow): OpenedRecord<Value> | undefined {
    // A table with cached records has one codec: the content is what that codec decoded.
    return cached ? this.#parts.cache.get(row) as OpenedRecord<Value> | undefined : undefined;
  }

  #unsealed<Value>(
    codec: RecordDecoder<Value>,
    row: StoredRow,
    header: RecordHeader,
    key: OpenedKey,
  ): OpenedRecord<Value> {
    const { engine: { storeId }, cache, onRevision } = this.#parts;
    const context = codec.context?.(row.key) ?? new Uint8Array(0);
    const binding = { storeId, table: codec.table, key: row.key, context };
    const content = openRecord(row.bytes, header, key, binding);
    const value = content && codec.decode(content);
    if (value === undefined) throw damagedRecord(row);
    onRevision(header.revision);
    const record = { key: row.key, value, revision: header.revision };
    if (codec.cached) cache.put(row, record);
    return record;
  }
}

/** The failure for a record that does not open or decode. */
export function damagedRecord({ table }: Pick<RowName, "table">): KeyringError {
  const message =
    `A stored record of the table "${table}" does not verify: the store was changed or damaged; restore a ` +
    "backup.";
  return new KeyringError("integrity", message);
}

/** A row that an engine returned for a name: it must have that name. */
function checkedRow(name: RowName, row: StoredRow | undefined): StoredRow | undefined {
  if (row && (row.table !== name.table || !sameBytes(row.key, name.key))) throw damagedRecord(name);
  return row;
}
