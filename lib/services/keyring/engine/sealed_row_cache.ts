/**
 * Rows in memory as the database has them, sealed. One process writes a store, so that a row changes by the commits of
 * its own engine alone.
 *
 * @module
 */
import type { RowName, StoredRow } from "./engine.ts";
import { nameText } from "./limits.ts";

/** A row, or the knowledge that there is none. */
interface KnownRow {
  readonly row: StoredRow | undefined;
  readonly size: number;
}

/** Bytes of memory of an entry beside the row's content, as measured; a longer row is not kept. */
const sizes = { entry: 450, longestRow: 65_536 } as const;

/** A least recently used cache of a number of bytes. */
export class SealedRowCache {
  readonly #maxBytes: number;
  readonly #known = new Map<string, KnownRow>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The rows with these names, which are of one state; `undefined` unless all of them are known. */
  get(names: readonly RowName[]): readonly (StoredRow | undefined)[] | undefined {
    const rows: (StoredRow | undefined)[] = [];
    for (const name of names) {
      const key = nameText(name);
      const known = this.#known.get(key);
      if (known === undefined) return undefined;
      this.#known.delete(key);
      this.#known.set(key, known);
      rows.push(known.row);
    }
    return rows;
  }

  /** Takes over a row as it is now; `undefined` if it does not exist. */
  set(name: RowName, row: StoredRow | undefined): void {
    const key = nameText(name);
    this.#remove(key);
    const length = row?.bytes.length ?? 0;
    if (length > sizes.longestRow) return;
    const size = sizes.entry + length;
    this.#known.set(key, { row, size });
    this.#bytes += size;
    for (const oldest of this.#known.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#remove(oldest);
    }
  }

  /** Forgets all rows. */
  clear(): void {
    this.#known.clear();
    this.#bytes = 0;
  }

  #remove(key: string): void {
    const known = this.#known.get(key);
    if (known !== undefined && this.#known.delete(key)) this.#bytes -= known.size;
  }
}
