/**
 * Closes resources in reverse order of their creation.
 *
 * @module
 */

/**
 * Collects resources during a multi-step start, so that a failure closes them all. After success, {@linkcode move}
 * hands them to their owner.
 */
export class ResourceStack implements AsyncDisposable {
  #resources: AsyncDisposable[] = [];

  /** Adds a resource and returns it. */
  use<T extends AsyncDisposable>(resource: T): T {
    this.#resources.push(resource);
    return resource;
  }

  /** Moves all resources into a new stack; this one is then empty. */
  move(): ResourceStack {
    const other = new ResourceStack();
    other.#resources = this.#resources;
    this.#resources = [];
    return other;
  }

  /** Closes all resources, even if closing one of them fails. @throws the first failure, after all were closed */
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
