/**
 * The log lines of a start: written when it has succeeded. A start that fails says why in the end, in one line; a service
 * manager tries again for as long as it takes, and each try would fill the log with the same lines before it.
 *
 * @module
 */

/** Lines that are kept; a start writes about ten. */
const maxKept = 1_000;

/** Keeps lines until they are wanted. */
export class StartLines {
  readonly #write: (line: string) => void;
  #kept: string[] | undefined;

  /** @param keep whether lines are kept at all. */
  constructor(keep: boolean, write: (line: string) => void) {
    this.#write = write;
    if (keep) this.#kept = [];
  }

  /** Writes or keeps a line. When too many are kept, all of them are written: that is no start that fails at once. */
  write(line: string): void {
    if (this.#kept === undefined) return this.#write(line);
    this.#kept.push(line);
    if (this.#kept.length >= maxKept) this.release();
  }

  /** Writes what was kept, and all that follows at once. */
  release(): void {
    const kept = this.#kept ?? [];
    this.#kept = undefined;
    for (const line of kept) this.#write(line);
  }
}
