/**
 * What happens when a process is told to read its configuration again.
 *
 * @module
 */

/** Those who want to know of it. */
export class Reloads {
  readonly #actions = new Set<() => void>();
  #missed = false;

  /** Whether one was announced that nobody was called back for: a process that still starts has read its files before it. */
  get missed(): boolean {
    return this.#missed;
  }

  /** Calls back at each reload, until disposed of. An action neither throws nor waits. */
  subscribe(act: () => void): Disposable {
    this.#actions.add(act);
    return { [Symbol.dispose]: () => void this.#actions.delete(act) };
  }

  /** Calls all of them back; says whether there was one. */
  announce(): boolean {
    this.#missed ||= this.#actions.size === 0;
    for (const act of [...this.#actions]) act();
    return this.#actions.size > 0;
  }
}
