/**
 * The keys of a store in etcd: the prefix, a byte for the table, and the key of the row. Byte 0 is the header and the fences.
 *
 * @module
 */
import { beginsWith, concat, utf8 } from "../../../base/bytes.ts";
import { engineLimits, type RowName, type TableName, tables } from "./engine.ts";
import { endOfPrefix } from "./key_range.ts";

const tableNames: ReadonlyMap<number, TableName> = new Map(
  Object.entries(tables).map(([name, number]) => [number, name as TableName]),
);

/** Keys from one on, and before another one. */
export interface KeyRange {
  readonly key: Uint8Array;
  readonly end: Uint8Array;
}

/** Makes and reads the keys below one prefix. */
export class EtcdKeys {
  readonly #prefix: Uint8Array;

  constructor(prefix: string) {
    this.#prefix = utf8(prefix);
  }

  /** The store's format and ID. */
  get header(): Uint8Array {
    return this.#at(0);
  }

  /** All keys of the store. */
  get all(): KeyRange {
    return { key: this.header, end: this.#at(16) };
  }

  /** All keys of tables. */
  get rows(): KeyRange {
    return { key: this.#at(1), end: this.#at(16) };
  }

  /** A key that a transaction wants absent, so that it can be kept from being executed later. */
  fence(id: Uint8Array): Uint8Array {
    return concat(this.header, utf8("t"), id);
  }

  /** The key that each transaction on the table writes; the key of a row is never empty. */
  marker(table: TableName): Uint8Array {
    return this.#at(tables[table]);
  }

  row({ table, key }: RowName): Uint8Array {
    return this.#at(tables[table], key);
  }

  /** The marker and the rows of a table. */
  table(table: TableName): KeyRange {
    return { key: this.marker(table), end: this.#at(tables[table] + 1) };
  }

  /** The rows of a table whose keys begin with a prefix, and are greater than `after`. */
  range(table: TableName, { from, to }: { readonly from: Uint8Array; readonly to: Uint8Array }): KeyRange {
    // The least key of a row is one zero byte.
    return {
      key: this.#at(tables[table], from.length === 0 ? Uint8Array.of(0) : from),
      end: this.#at(tables[table], to),
    };
  }

  /** The least key after this one. */
  after(key: Uint8Array): Uint8Array {
    return concat(key, Uint8Array.of(0));
  }

  /** The name of a row; `undefined` for another key. */
  nameOf(key: Uint8Array): RowName | undefined {
    const at = this.#prefix.length;
    const table = tableNames.get(key[at] ?? 0);
    const rest = key.slice(at + 1);
    const isRow = table !== undefined && beginsWith(key, this.#prefix) && rest.length >= 1 &&
      rest.length <= engineLimits.keyBytes;
    return isRow ? { table, key: rest } : undefined;
  }

  #at(byte: number, key: Uint8Array = new Uint8Array()): Uint8Array {
    return concat(this.#prefix, Uint8Array.of(byte), key);
  }
}

/** All keys that begin with a text. */
export function keysBelow(prefix: string): KeyRange {
  return { key: utf8(prefix), end: endOfPrefix(utf8(prefix)) };
}
