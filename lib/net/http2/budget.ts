/**
 * Limits on the memory that the server holds for clients: incomplete request bodies, calls in progress and unsent
 * responses. Counted in bytes, per connection and for all connections together.
 *
 * @module
 */

/** Limits in bytes. */
export const budgets = {
  /** Maximum that is held for one connection. */
  connection: 8 << 20,
  /** Maximum that is held for all connections together, beyond the guaranteed bytes of each. */
  all: 32 << 20,
  /** Guaranteed to each connection, regardless of the others: one request of maximum size and a few small ones. */
  granted: 128 << 10,
  /** Counted for each stream in addition to its body: its objects here and those of a handler that waits for a KMS. */
  stream: 4 << 10,
} as const;

/** The bytes that all connections share. */
export class Pool {
  #left: number = budgets.all;

  /**
   * Takes bytes from the pool; a negative number returns bytes to it.
   *
   * @returns `false`, and takes none, if too few are left.
   */
  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }
}

/** The budget of one connection. */
export class Share {
  readonly #pool: Pool;
  #used = 0;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** Bytes that are held now. */
  get used(): number {
    return this.#used;
  }

  /**
   * Counts bytes as held.
   *
   * @returns `false`, and counts none, if a limit would be exceeded.
   */
  take(bytes: number): boolean {
    const used = this.#used + bytes;
    if (used > budgets.connection || !this.#pool.take(beyondGrant(used) - beyondGrant(this.#used))) return false;
    this.#used = used;
    return true;
  }

  /** Counts bytes as released. */
  credit(bytes: number): void {
    const used = this.#used - bytes;
    this.#pool.take(beyondGrant(used) - beyondGrant(this.#used));
    this.#used = used;
  }
}

function beyondGrant(bytes: number): number {
  return Math.max(0, bytes - budgets.granted);
}
