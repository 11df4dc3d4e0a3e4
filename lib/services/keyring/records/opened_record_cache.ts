/**
 * Opened records in memory, by the engine's version of their row: the least recently used go first.
 *
 * @module
 */
import { hex } from "../../../base/bytes.ts";
import type { StoredRow } from "../engine/engine.ts";
import type { OpenedRecord } from "./records.ts";

interface CacheEntry {
  readonly version: number;
  readonly record: OpenedRecord<unknown>;
  readonly size: number;
}

/** Bytes of an entry beside its content, and of memory for one byte of a row, as measured. */
const entrySize = { fixed: 650, perByte: 1.5 } as const;

/** A cache of a number of bytes. */
export class OpenedRecordCache {
  readonly #maxBytes: number;
  readonly #entries = new Map<string, CacheEntry>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The opened record of exactly this version of a row. */
  get(row: StoredRow): OpenedRecord<unknown> | undefined {
    const name = nameOf(row);
    const entry = this.#entries.get(name);
    if (entry?.version !== row.version) return undefined;
    this.#entries.delete(name);
    this.#entries.set(name, entry);
    return entry.record;
  }

  put(row: StoredRow, record: OpenedRecord<unknown>): void {
    const name = nameOf(row);
    const size = entrySize.fixed + entrySize.perByte * row.bytes.length;
    this.#remove(name);
    if (size > this.#maxBytes) return;
    this.#entries.set(name, { version: row.version, record, size });
    this.#bytes += size;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#remove(oldest);
    }
  }

  /** The estimated number of bytes in use. */
  get bytes(): number {
    return this.#bytes;
  }

  #remove(name: string): void {
    const entry = this.#entries.get(name);
    if (entry && this.#entries.delete(name)) this.#bytes -= entry.size;
  }
}

function nameOf({ table, key }: StoredRow): string {
  return `${table} ${hex(key)}`;
}
