/**
 * The contract of sealed records: rows of an engine that are opened when they are read and sealed when they are written.
 * Everything in the keyring that is stored goes through it.
 *
 * @module
 */
import type { StoredRow, TableName } from "../engine/engine.ts";

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
}

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
  get<Value>(codec: RecordCodec<Value>, key: Uint8Array): Promise<OpenedRecord<Value> | undefined>;
  /** Several records in one consistent state. */
  getMany<Value>(
    codec: RecordCodec<Value>,
    keys: readonly Uint8Array[],
  ): Promise<readonly (OpenedRecord<Value> | undefined)[]>;
  /** Records whose key begins with a prefix, in the order of their keys. */
  scan<Value>(
    codec: RecordCodec<Value>,
    range: { readonly prefix?: Uint8Array; readonly after?: Uint8Array; readonly limit: number },
  ): Promise<readonly OpenedRecord<Value>[]>;
}

/**
 * A transaction. Each row that was read by `get` must be unchanged at the commit; the writes are applied together. A
 * record that was written is not seen by later reads of the same transaction. Rows found by `scan` are not compared.
 */
export interface RecordTransaction extends RecordReader {
  put<Value>(codec: RecordCodec<Value>, key: Uint8Array, value: Value): void;
  delete(codec: Pick<RecordCodec<never>, "table">, key: Uint8Array): void;
}

/** The store of records. One for each server. */
export interface RecordStore {
  /** 16 bytes. */
  readonly storeId: Uint8Array;
  /** Reads without a transaction. */
  reader(signal: AbortSignal): RecordReader;
  /**
   * Runs `work` and commits its writes. If a row that it read was changed in the meantime, `work` runs again, up to 20
   * times; it must have no other effect.
   *
   * @throws {KeyringError} `conflict` after the last try; the errors of `work`, and then nothing was written.
   */
  transaction<Result>(work: (tx: RecordTransaction) => Promise<Result>, signal: AbortSignal): Promise<Result>;
  /** HMAC-SHA-256 under the index key, 32 bytes: names of rows that must not be guessed from the store. */
  lookupKey(purpose: LookupPurpose, ...fields: readonly Uint8Array[]): Promise<Uint8Array>;
  /** HMAC-SHA-256 under the fingerprint key, 8 bytes. */
  fingerprint(...fields: readonly Uint8Array[]): Promise<Uint8Array>;
  /** Names of changed rows; see `Engine.watch`. */
  watch(table: TableName, signal: AbortSignal): AsyncIterable<readonly Pick<StoredRow, "key">[]>;
}

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
} as const satisfies Readonly<Record<string, number>>;

/** A use of the index key. */
export type LookupPurpose = keyof typeof lookupPurposes;
