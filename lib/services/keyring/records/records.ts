/**
 * The contract of sealed records: rows of an engine that are opened when they are read and sealed when they are written.
 * Everything in the keyring that is stored goes through it.
 *
 * @module
 */
import type { RowName, RowWatch, StoredRow, TableName } from "../engine/engine.ts";

/** The kinds of record, one for each use of a table; see {@linkcode RecordCodec}. */
export interface RecordCodec<Value> {
  readonly table: TableName;
  /** The content before it is sealed. */
  encode(value: Value): Uint8Array;
  /** The content after it was opened. @returns `undefined` if the bytes cannot have been made by `encode`. */
  decode(bytes: Uint8Array): Value | undefined;
  /**
   * Further additional data of the seal, which is known before a record is opened: for a value, the secret's ID, its
   * version and the names of its fields.
   */
  context?(key: Uint8Array): Uint8Array;
  /**
   * Whether the store may keep opened records in memory, bounded and by the engine's version of the row. Never for values.
   * Their content must not be changed by its reader.
   */
  readonly cached?: boolean;
}

/** The part of a codec that reads. */
export type RecordDecoder<Value> = Pick<RecordCodec<Value>, "table" | "decode" | "context" | "cached">;

/** An opened record. */
export interface OpenedRecord<Value> {
  readonly key: Uint8Array;
  readonly value: Value;
  /**
   * Grows with each write of the row, also across a deletion: milliseconds since the epoch at the time of the write, or one
   * more than before if the clock stands behind it.
   */
  readonly revision: number;
}

/** Reads of records. All of them throw `KeyringError`: `integrity` for a row that does not open or decode,
 * `kms_unavailable` while no store key can be unwrapped, `store_unavailable`. */
export interface RecordReader {
  get<Value>(codec: RecordDecoder<Value>, key: Uint8Array): Promise<OpenedRecord<Value> | undefined>;
  /** Several records in one consistent state. */
  getMany<Value>(
    codec: RecordDecoder<Value>,
    keys: readonly Uint8Array[],
  ): Promise<readonly (OpenedRecord<Value> | undefined)[]>;
  /** Records whose key begins with a prefix, in the order of their keys. */
  scan<Value>(
    codec: RecordDecoder<Value>,
    range: { readonly prefix?: Uint8Array; readonly after?: Uint8Array; readonly limit: number },
  ): Promise<readonly OpenedRecord<Value>[]>;
  /** Rows of any tables in one consistent state, to be opened by {@linkcode RecordReader.open}. */
  fetch(names: readonly RowName[]): Promise<readonly FetchedRecord[]>;
  open<Value>(codec: RecordDecoder<Value>, fetched: FetchedRecord): Promise<OpenedRecord<Value> | undefined>;
  /** {@linkcode RecordStore.lookupKey}; a transaction is committed only while the key that it used is in force. */
  lookupKey(purpose: LookupPurpose, ...fields: readonly Uint8Array[]): Promise<Uint8Array>;
  /**
   * The same under each key in force, the current one first: during `reindex` there are two, and a row may be under
   * either.
   */
  lookupKeys(purpose: LookupPurpose, ...fields: readonly Uint8Array[]): Promise<readonly Uint8Array[]>;
  /**
   * Opens every key under which records may be sealed: for a caller that has the content of opened records in memory and
   * must not give it out past the rules of the keys.
   */
  requireKeys(): Promise<void>;
  /** Whether the keys in force have changed since this reader used them: then what it did not find may exist. */
  keysChanged(): Promise<boolean>;
}

/** A row that was fetched and not yet opened; `row` is `undefined` if it does not exist. */
export interface FetchedRecord {
  readonly name: RowName;
  readonly row: StoredRow | undefined;
}

/**
 * A transaction. Each row that was read by `get` must be unchanged at the commit; the writes are applied together. A
 * record that was written is not seen by later reads of the same transaction. Rows found by `scan` are not compared.
 */
export interface RecordTransaction extends RecordReader {
  put<Value>(codec: RecordCodec<Value>, key: Uint8Array, value: Value): void;
  /**
   * As `put`, for a row that should not exist, such as one with a new random key: it is not read first, and if it exists,
   * the work runs again with `put` in its place.
   */
  insert<Value>(codec: RecordCodec<Value>, key: Uint8Array, value: Value): void;
  delete(codec: Pick<RecordCodec<never>, "table">, key: Uint8Array): void;
}

/** The store of records. One for each server. */
export interface RecordStore {
  /** 16 bytes. */
  readonly storeId: Uint8Array;
  /**
   * The greatest revision that this server has read or written, which is about the time of the newest write in
   * milliseconds since the epoch; 0 if it has read none.
   */
  readonly newestRevision: number;
  /** Reads without a transaction. */
  reader(signal: AbortSignal): RecordReader;
  /**
   * Runs `work` and commits its writes. If a row that it read was changed in the meantime, `work` runs again, up to 20
   * times; it must have no other effect.
   *
   * @throws {KeyringError} `conflict` after the last try; the errors of `work`, and then nothing was written.
   */
  transaction<Result>(work: (tx: RecordTransaction) => Promise<Result>, signal: AbortSignal): Promise<Result>;
  /**
   * HMAC-SHA-256, 32 bytes: names of rows that must not be guessed from the store. Segments of paths have a key of their
   * own, which `reindex` replaces; the key of all other purposes never changes.
   */
  lookupKey(purpose: LookupPurpose, ...fields: readonly Uint8Array[]): Promise<Uint8Array>;
  /** HMAC-SHA-256 under the fingerprint key, 8 bytes. */
  fingerprint(...fields: readonly Uint8Array[]): Promise<Uint8Array>;
  /** See `Engine.mark`; `undefined` if the engine has none. */
  mark(table: TableName, prefix: Uint8Array): number | undefined;
  /** Resolves when no deleted content is left in the engine's files; see `Engine.purge`. */
  purge(signal: AbortSignal): Promise<void>;
  /** Names of changed rows; see `Engine.watch`. */
  watch(table: TableName, signal: AbortSignal): RowWatch;
}

/** Maximum number of rows that one transaction reads by `get` and writes together; the store adds conditions of its own. */
export const recordOperations = 96;

/** The uses of {@linkcode RecordStore.lookupKey}, each with the byte that keeps it apart. */
export const lookupPurposes = {
  folder: 1,
  secret: 2,
  code: 3,
  token: 4,
  revocation: 5,
  idempotency: 6,
  claim: 7,
  requestBody: 8,
  checkpoint: 9,
} as const satisfies Readonly<Record<string, number>>;

/** A use of the index key. */
export type LookupPurpose = keyof typeof lookupPurposes;
