/**
 * Holds the log lines of a start back until it has succeeded. A failed start reports its error in one line. A service
 * manager repeats the start, and without this each attempt would log the same lines again.
 *
 * @module
 */

/** Maximum number of lines held back. A start writes about ten. */
const maxKept = 1_000;

/** Holds lines back until {@linkcode StartLines.release}. */
export class StartLines {
  readonly #write: (line: string) => void;
  #kept: string[] | undefined;

  /** @param keep whether to hold lines back; otherwise each is written at once. */
  constructor(keep: boolean, write: (line: string) => void) {
    this.#write = write;
    if (keep) this.#kept = [];
  }

  /** Holds a line back, or writes it. Beyond the maximum all lines are written: such a start did not fail at once. */
  write(line: string): void {
    if (this.#kept === undefined) return this.#write(line);
    this.#kept.push(line);
    if (this.#kept.length >= maxKept) this.release();
  }

  /** Writes the lines held back. Later lines are written at once. */
  release(): void {
    const kept = this.#kept ?? [];
    this.#kept = undefined;
    for (const line of kept) this.#write(line);
  }
}
