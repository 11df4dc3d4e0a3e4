/**
 * The order of the keys of a bbolt tree.
 *
 * @module
 */

/** Where the elements begin. */
export type BoltOrder = "ascending" | "descending";

/** Compares each key with the one before, of which it has a copy. */
export class KeyOrder {
  readonly #sign: 1 | -1;
  #last = new Uint8Array(64);
  /** Length of the last key; -1 before the first one. */
  #length = -1;

  constructor(order: BoltOrder) {
    this.#sign = order === "ascending" ? 1 : -1;
  }

  /** Whether a key stands behind the one before. */
  follows(key: Uint8Array): boolean {
    const follows = this.#length < 0 || this.#compared(key) * this.#sign > 0;
    this.#keep(key);
    return follows;
  }

  // Keys have 17 bytes: loops over so few take less time than calls of functions of the runtime.

  #compared(key: Uint8Array): number {
    const shared = Math.min(key.length, this.#length);
    for (let at = 0; at < shared; at++) {
      const difference = (key[at] ?? 0) - (this.#last[at] ?? 0);
      if (difference !== 0) return difference;
    }
    return key.length - this.#length;
  }

  #keep(key: Uint8Array): void {
    if (key.length > this.#last.length) this.#last = new Uint8Array(2 * key.length);
    for (let at = 0; at < key.length; at++) this.#last[at] = key[at] ?? 0;
    this.#length = key.length;
  }
}
