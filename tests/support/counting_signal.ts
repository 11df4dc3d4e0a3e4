/**
 * A signal whose listeners can be counted: one that outlives a call must not keep the call's listeners.
 *
 * @module
 */

/** A controller that counts the listeners that were added to its signal and not removed. */
export class CountingController extends AbortController {
  listeners = 0;

  constructor() {
    super();
    const { signal } = this;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...given: Parameters<typeof add>) => {
      this.listeners++;
      add(...given);
    };
    signal.removeEventListener = (...given: Parameters<typeof remove>) => {
      this.listeners--;
      remove(...given);
    };
  }
}
