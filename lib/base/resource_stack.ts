/**
 * Closing what was opened, last opened first.
 *
 * @module
 */

/** Keeps what is opened on the way, so that a failure half-way closes it, and hands it on when all went well. */
export class ResourceStack implements AsyncDisposable {
  #resources: AsyncDisposable[] = [];

  /** Keeps a resource and gives it back. */
  use<T extends AsyncDisposable>(resource: T): T {
    this.#resources.push(resource);
    return resource;
  }

  /** Everything kept so far, for another owner; nothing is left here to be closed. */
  move(): ResourceStack {
    const other = new ResourceStack();
    other.#resources = this.#resources;
    this.#resources = [];
    return other;
  }

  /** Closes all of it, even if one fails to; the first failure is thrown in the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (const resource of this.#resources.splice(0).reverse()) {
      try {
        await resource[Symbol.asyncDispose]();
      } catch (thrown) {
        failures.push(thrown);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
