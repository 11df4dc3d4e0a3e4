/**
 * Requests to reload the configuration.
 *
 * @module
 */

/** Distributes reload requests to subscribers. */
export class Reloads {
  readonly #actions = new Set<() => void>();
  #missed = false;

  /**
   * Whether a request arrived while there was no subscriber: the process was starting and can have read its files
   * earlier.
   */
  get missed(): boolean {
    return this.#missed;
  }

  /** Calls `act` at each reload until the result is disposed of. `act` must neither throw nor block. */
  subscribe(act: () => void): Disposable {
    this.#actions.add(act);
    return { [Symbol.dispose]: () => void this.#actions.delete(act) };
  }

  /** Calls all subscribers. @returns whether there was one */
  announce(): boolean {
    this.#missed ||= this.#actions.size === 0;
    for (const act of [...this.#actions]) act();
    return this.#actions.size > 0;
  }
}
