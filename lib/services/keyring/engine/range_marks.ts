/**
 * Marks of ranges of rows, by which a caller sees whether a range has changed since it was read.
 *
 * @module
 */
import { hex } from "../../../base/bytes.ts";
import type { RowName, TableName } from "./engine.ts";

/** Bytes at the begin of a key that make a range: the ID of a folder or secret. */
const prefixBytes = 16;

/** Maximum number of ranges that have a mark of their own. */
const maxRanges = 10_000;

/** The marks of one engine. */
export class RangeMarks {
  readonly #marks = new Map<string, number>();
  #last = 0;
  /** The mark of the ranges that have none of their own. */
  #common = 0;

  /** See `Engine.mark`. */
  of(table: TableName, prefix: Uint8Array): number {
    return this.#marks.get(nameOf(table, prefix)) ?? this.#common;
  }

  /** Marks the ranges of rows that were written or deleted. */
  changed(names: readonly RowName[]): void {
    if (this.#marks.size > maxRanges) this.allChanged();
    for (const { table, key } of names) {
      if (key.length >= prefixBytes) this.#marks.set(nameOf(table, key.subarray(0, prefixBytes)), ++this.#last);
    }
  }

  /** Marks all ranges. */
  allChanged(): void {
    this.#marks.clear();
    this.#common = ++this.#last;
  }
}

function nameOf(table: TableName, prefix: Uint8Array): string {
  return `${table} ${hex(prefix)}`;
}
