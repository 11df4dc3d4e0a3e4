/**
 * A node's state folder in memory.
 *
 * @module
 */
import { KmsError } from "../../lib/base/errors.ts";
import type { RingState, RingStore } from "../../lib/services/kms/key_ring/state.ts";

/** Keeps the saved state, so that a node can be started again. */
export class MemoryStore implements RingStore {
  saved: RingState | undefined;
  saves = 0;
  broken = false;

  load(): Promise<RingState | undefined> {
    return Promise.resolve(this.saved);
  }

  save(state: RingState): Promise<void> {
    if (this.broken) {
      return Promise.reject(new KmsError("config", "Cannot write the key IDs of this node: the disk is full."));
    }
    this.saves++;
    this.saved = structuredClone(state);
    return Promise.resolve();
  }

  /** Another store with the same content. */
  copy(): MemoryStore {
    const store = new MemoryStore();
    store.saved = structuredClone(this.saved);
    return store;
  }
}
