/**
 * Whether the store answers: a watch of the policy is confirmed every second, so that an outage shows before a request meets
 * it. The reads of requests do not rely on it: on etcd each of them is confirmed by a majority of the members.
 *
 * @module
 */
import type { Clock } from "../../../base/clock.ts";
import { abandoned, backoff } from "../../../base/deadline.ts";
import { type EngineHealth, type RowWatch, watchStaleMs } from "../engine/engine.ts";
import type { SealedRecordStore } from "./record_store.ts";

/** Milliseconds between two tries to watch. */
const pauses = { first: 100, most: 5_000 } as const;

/** See the module. */
export class StoreContact implements AsyncDisposable {
  readonly #store: Pick<SealedRecordStore, "engine" | "watch">;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #watch: RowWatch | undefined;
  /** The last confirmation of a watch that has ended. */
  #confirmedAt: number;

  /** Starts at once. */
  constructor(store: Pick<SealedRecordStore, "engine" | "watch">, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.#confirmedAt = clock.now();
    this.#running = this.#run();
  }

  /** From memory. */
  health(): EngineHealth {
    const health = this.#store.engine.health();
    const silentMs = this.#clock.now() - this.#confirmed();
    if (health.state === "failed" || silentMs <= watchStaleMs) return health;
    const seconds = Math.floor(silentMs / 1_000);
    return {
      state: "failed",
      reason: `The store has not answered for ${seconds} seconds; look at it and the way to it.`,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(abandoned);
    await this.#running;
  }

  #confirmed(): number {
    return this.#confirmedAt = Math.max(this.#confirmedAt, this.#watch?.confirmedAt() ?? 0);
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    for (let failures = 0; !signal.aborted; failures++) {
      const watch = this.#watch = this.#store.watch("policy", signal);
      try {
        for await (const _ of watch) failures = 0;
      } catch {
        // The next watch, or the age of the last confirmation, shows it.
      }
      this.#confirmed();
      this.#watch = undefined;
      if (!signal.aborted) await this.#clock.sleep(backoff(failures, pauses.first, pauses.most), signal);
    }
  }
}
