/**
 * Replaces the key for records in time, again and again, and says so while it cannot.
 *
 * @module
 */
import { rfc3339 } from "../../../base/clock.ts";
import { abandoned } from "../../../base/deadline.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { SealedRecordStore } from "./record_store.ts";
import { isRecordKeyDue, recordKeySince, replaceRecordKey } from "./rewrap.ts";

/** The state of the store keys, for health. */
export interface StoreKeyHealth {
  /** `degraded`: the key for records is past its time and cannot be replaced. */
  readonly state: "ok" | "degraded";
  /** A sentence, unless the state is `ok`. */
  readonly reason?: string;
  /** Milliseconds since the epoch; `undefined` until the store was used. */
  readonly recordKeySince?: number;
}

/** Milliseconds between two looks. */
const lookEveryMs = 60 * 60 * 1_000;

/** See the module. */
export class KeyUpkeep implements AsyncDisposable {
  readonly #store: SealedRecordStore;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #failure: string | undefined;

  /** Starts at once. */
  constructor(store: SealedRecordStore) {
    this.#store = store;
    this.#running = this.#run();
  }

  /** From memory. */
  health(): StoreKeyHealth {
    const since = recordKeySince(this.#store);
    const shown = since === undefined ? {} : { recordKeySince: since };
    if (!isRecordKeyDue(this.#store)) return { state: "ok", ...shown };
    const made = since === undefined ? "" : ` of ${rfc3339(since)}`;
    const why = this.#failure ?? "It will be replaced within the hour.";
    return { state: "degraded", reason: `The store key${made} is past its 90 days and serves on. ${why}`, ...shown };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(abandoned);
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      await this.#look(signal);
      await this.#store.clock.sleep(lookEveryMs, signal);
    }
  }

  async #look(signal: AbortSignal): Promise<void> {
    try {
      await replaceRecordKey(this.#store, signal);
      this.#failure = undefined;
    } catch (thrown) {
      const known = thrown instanceof KeyringError;
      this.#failure = known ? thrown.message : "It could not be replaced, for a reason that is not known.";
    }
  }
}
