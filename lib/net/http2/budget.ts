/**
 * Memory that clients may have the server hold: bodies that have not come as a whole, calls under way, answers that they
 * do not take. Counted in bytes, for each connection and for all together.
 *
 * @module
 */

/** Bytes. */
export const budgets = {
  /** What one connection may have held. */
  connection: 8 << 20,
  /** What all connections together may have held beyond what each is granted. */
  all: 32 << 20,
  /** Granted to each connection whatever the others hold: one of the largest requests and a few small ones. */
  granted: 128 << 10,
  /** What a stream is counted for beside its body: its objects here and in a handler that waits for a KMS. */
  stream: 4 << 10,
} as const;

/** What all connections share. */
export class Pool {
  #left: number = budgets.all;

  /** Takes bytes, or gives them back where there are fewer than none. @returns `false`, and takes none, if it lacks them. */
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

  /** Counts bytes as held. @returns `false`, and counts none, if that is more than may be held. */
  take(bytes: number): boolean {
    const used = this.#used + bytes;
    if (used > budgets.connection || !this.#pool.take(beyondGrant(used) - beyondGrant(this.#used))) return false;
    this.#used = used;
    return true;
  }

  /** Counts bytes as held no more. */
  credit(bytes: number): void {
    const used = this.#used - bytes;
    this.#pool.take(beyondGrant(used) - beyondGrant(this.#used));
    this.#used = used;
  }
}

function beyondGrant(bytes: number): number {
  return Math.max(0, bytes - budgets.granted);
}
