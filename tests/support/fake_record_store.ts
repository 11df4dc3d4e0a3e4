/**
 * A store of records in memory without seals.
 *
 * @module
 */
import { createHmac, randomBytes } from "node:crypto";
import { KeyringError } from "../../lib/api/keyring/problems.ts";
import { compareTexts, hex, lengthPrefixed } from "../../lib/base/bytes.ts";
import type { Clock } from "../../lib/base/clock.ts";
import type { TableName } from "../../lib/services/keyring/engine/engine.ts";
import {
  type LookupPurpose,
  lookupPurposes,
  type OpenedRecord,
  type RecordCodec,
  type RecordReader,
  type RecordStore,
  type RecordTransaction,
} from "../../lib/services/keyring/records/records.ts";

interface FakeRow {
  readonly table: TableName;
  readonly key: Uint8Array;
  readonly bytes: Uint8Array;
  readonly revision: number;
}

/** All rows by table and key. Tests read and change them. */
export class FakeRecordStore implements RecordStore {
  readonly storeId = new Uint8Array(randomBytes(16));
  readonly rows = new Map<string, FakeRow>();
  /** Called before each commit; a test lets another writer come first. */
  beforeCommit: () => Promise<void> = () => Promise.resolve();
  /** Thrown by each read, if set. */
  failure: KeyringError | undefined;
  readonly #key = randomBytes(32);
  readonly #clock: Clock;
  #newest = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  newestRevision(): number {
    return this.#newest;
  }

  reader(): RecordReader {
    return this.#reader(() => {});
  }

  async transaction<Result>(work: (tx: RecordTransaction) => Promise<Result>): Promise<Result> {
    for (let tries = 0; tries < 20; tries++) {
      const read = new Map<string, number | undefined>();
      const writes: (() => void)[] = [];
      const result = await work({
        ...this.#reader((name, row) => read.set(name, row?.revision)),
        put: (codec, key, value) => {
          const bytes = codec.encode(value);
          writes.push(() => this.#put(codec.table, key, bytes));
        },
        delete: ({ table }, key) => void writes.push(() => void this.rows.delete(nameOf(table, key))),
      });
      await this.beforeCommit();
      if ([...read].some(([name, revision]) => this.rows.get(name)?.revision !== revision)) continue;
      for (const write of writes) write();
      return result;
    }
    throw new KeyringError("conflict", "Other writers changed the same rows 20 times.");
  }

  lookupKey(purpose: LookupPurpose, ...fields: readonly Uint8Array[]): Promise<Uint8Array> {
    const mac = createHmac("sha256", this.#key).update(Uint8Array.of(lookupPurposes[purpose]));
    return Promise.resolve(new Uint8Array(mac.update(lengthPrefixed(...fields)).digest()));
  }

  async fingerprint(...fields: readonly Uint8Array[]): Promise<Uint8Array> {
    return (await this.lookupKey("secret", ...fields)).subarray(0, 8);
  }

  async *watch(): AsyncIterable<readonly { readonly key: Uint8Array }[]> {}

  #put(table: TableName, key: Uint8Array, bytes: Uint8Array): void {
    this.#newest = Math.max(this.#newest + 1, Math.round(this.#clock.wall()));
    this.rows.set(nameOf(table, key), { table, key, bytes, revision: this.#newest });
  }

  #reader(onGet: (name: string, row: FakeRow | undefined) => void): RecordReader {
    const get = <Value>(codec: RecordCodec<Value>, key: Uint8Array): Promise<OpenedRecord<Value> | undefined> => {
      if (this.failure !== undefined) return Promise.reject(this.failure);
      const name = nameOf(codec.table, key);
      const row = this.rows.get(name);
      onGet(name, row);
      return Promise.resolve(row === undefined ? undefined : opened(codec, row));
    };
    return {
      get,
      getMany: (codec, keys) => Promise.all(keys.map((key) => get(codec, key))),
      scan: (codec, { prefix, after, limit }) => {
        const found = [...this.rows.values()].filter(({ table, key }) =>
          table === codec.table && hex(key).startsWith(hex(prefix ?? new Uint8Array())) &&
          (after === undefined || hex(key) > hex(after))
        );
        const sorted = found.toSorted((a, b) => compareTexts(hex(a.key), hex(b.key)));
        return Promise.resolve(sorted.slice(0, limit).map((row) => opened(codec, row)));
      },
    };
  }
}

function opened<Value>(codec: RecordCodec<Value>, { key, bytes, revision }: FakeRow): OpenedRecord<Value> {
  const value = codec.decode(bytes);
  if (value === undefined) throw new KeyringError("integrity", "A row does not decode.");
  return { key, value, revision };
}

function nameOf(table: TableName, key: Uint8Array): string {
  return `${table} ${hex(key)}`;
}
