/**
 * A signal whose listeners can be counted: one that outlives a call must not keep the call's listeners.
 *
 * @module
 */

/** A controller that counts the listeners of its signal. */
export class CountingController extends AbortController {
  readonly #held = new Set<unknown>();

  constructor() {
    super();
    const { signal } = this;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...given: Parameters<typeof add>) => {
      if (given[0] === "abort") this.#held.add(given[1]);
      add(...given);
    };
    signal.removeEventListener = (...given: Parameters<typeof remove>) => {
      if (given[0] === "abort") this.#held.delete(given[1]);
      remove(...given);
    };
  }

  /** How many listeners wait for the signal to fire. */
  get listeners(): number {
    return this.#held.size;
  }
}
