/**
 * A node's state while it runs: what it holds is what has been written.
 *
 * @module
 */
import { isKnown, withWrapSet, type WrapSet, wrapSetsOfHistory } from "./wrap_sets.ts";
import type { AnnouncedId, RingState, RingStore } from "./state.ts";

/** One for a key ring, whose loop is the only one that writes. */
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

  /** Which providers have wrapped together: the smallest sets. */
  get wrapSets(): readonly WrapSet[] {
    return wrapSetsOf(this.#state);
  }

  /**
   * Writes down the IDs, the last of which is to be announced, with the versions behind it and who can open what is
   * sealed under it.
   *
   * @throws {KmsError} `config` if it cannot be written.
   */
  async announcing(
    history: RingState["history"],
    providers: RingState["providers"],
    holders: WrapSet,
  ): Promise<void> {
    await this.#save({ format: 1, providers, history, sealedBy: withWrapSet(wrapSetsOf(this.#state), holders) });
  }

  /**
   * Writes down who can open what a data key will seal, unless that is known.
   *
   * @throws {KmsError} `config` if it cannot be written.
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

/** The sets of a state; one that was written before sets were kept tells what its history does. */
export function wrapSetsOf(state: RingState | undefined): readonly WrapSet[] {
  return state?.sealedBy ?? wrapSetsOfHistory(state?.history ?? []);
}
