/**
 * Writes the state of a run while the run goes on.
 *
 * @module
 */

/** At most one write is in progress. */
export class StateSaver {
  readonly #write: () => Promise<void>;
  #inProgress: Promise<void> | undefined;
  #isDue = false;
  #failure: { readonly thrown: unknown } | undefined;

  /** @param write writes the state of that moment. */
  constructor(write: () => Promise<void>) {
    this.#write = write;
  }

  /** Begins a write, or has one follow that is in progress. @throws the failure of an earlier one. */
  soon(): void {
    this.#check();
    this.#isDue = true;
    this.#inProgress ??= this.#writeAll();
  }

  /** Waits for the end of all writes. @throws the failure of one. */
  async settled(): Promise<void> {
    await this.#inProgress;
    this.#check();
  }

  /** Never rejects. */
  async #writeAll(): Promise<void> {
    try {
      while (this.#isDue) {
        this.#isDue = false;
        await this.#write();
      }
    } catch (thrown) {
      this.#failure ??= { thrown };
    } finally {
      this.#inProgress = undefined;
    }
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.thrown;
  }
}
