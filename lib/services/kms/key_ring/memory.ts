/**
 * The state of a running node in memory. It changes only after the file has been written.
 *
 * @module
 */
import { isKnown, withWrapSet, type WrapSet, wrapSetsOfHistory } from "./wrap_sets.ts";
import type { AnnouncedId, RingState, RingStore } from "./state.ts";

/** The state of one key ring. Only the loop of the key ring writes to it. */
export class RingMemory {
  readonly #store: RingStore;
  #state: RingState;

  constructor(store: RingStore, state: RingState | undefined) {
    this.#store = store;
    this.#state = state ?? { format: 1, providers: [], history: [] };
  }

  /** The IDs announced so far, oldest first. */
  get history(): readonly AnnouncedId[] {
    return this.#state.history;
  }

  /** The minimal sets of providers that have wrapped a data key together. */
  get wrapSets(): readonly WrapSet[] {
    return wrapSetsOf(this.#state);
  }

  /**
   * Writes the announced IDs before the last of them is announced.
   *
   * @param history the IDs, oldest first.
   * @param providers the counted versions of the last ID.
   * @param holders the providers that have wrapped its data key.
   * @throws {KmsError} `config` if the state cannot be written.
   */
  async announcing(
    history: RingState["history"],
    providers: RingState["providers"],
    holders: WrapSet,
  ): Promise<void> {
    await this.#save({ format: 1, providers, history, sealedBy: withWrapSet(wrapSetsOf(this.#state), holders) });
  }

  /**
   * Writes the set of providers that wrapped a data key, before the data key is used. Nothing is written if a stored set
   * is contained in it.
   *
   * @throws {KmsError} `config` if the state cannot be written.
   */
  async sealing(holders: WrapSet): Promise<void> {
    const known = wrapSetsOf(this.#state);
    if (!isKnown(known, holders)) await this.#save({ ...this.#state, sealedBy: withWrapSet(known, holders) });
  }

  async #save(state: RingState): Promise<void> {
    await this.#store.save(state);
    this.#state = state;
  }
}

/** The wrap sets of a state. They are derived from the announced IDs if the state was written before `sealedBy` existed. */
export function wrapSetsOf(state: RingState | undefined): readonly WrapSet[] {
  return state?.sealedBy ?? wrapSetsOfHistory(state?.history ?? []);
}
