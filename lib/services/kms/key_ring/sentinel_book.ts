/**
 * The sentinels of a running node in memory. Changes are written at once; a failed write is repeated after a minute.
 *
 * @module
 */
import type { Clock } from "../../../base/clock.ts";
import { toKmsError } from "../../../base/errors.ts";
import type { Notify } from "../../../telemetry/events.ts";
import { idOf, type SealedVersion, type Sentinel } from "./sentinel.ts";
import type { SentinelStore } from "./sentinel_file.ts";

/** Milliseconds from a failed write to the next attempt. */
const saveAgain = 60_000;

/** Options of a {@linkcode SentinelBook}. */
export interface SentinelBookOptions {
  readonly clock: Clock;
  readonly notify: Notify;
  readonly store: SentinelStore;
}

/**
 * The sentinels of a node. No method throws: encryption and decryption do not depend on sentinels, so a failed read or
 * write is only a warning.
 */
export class SentinelBook {
  readonly #options: SentinelBookOptions;
  readonly #sentinels = new Map<string, Sentinel>();
  readonly #unsaved = new Set<string>();
  #saveAt = -Infinity;
  #warned = false;

  /** Reads the stored sentinels. If they cannot be read, a warning is logged and the book is empty. */
  static async open(options: SentinelBookOptions): Promise<SentinelBook> {
    const book = new SentinelBook(options);
    try {
      for (const sentinel of await options.store.load()) book.#sentinels.set(idOf(sentinel), sentinel);
    } catch (thrown) {
      book.#warn(thrown, "The versions that this node sealed with before are not tested.");
    }
    return book;
  }

  private constructor(options: SentinelBookOptions) {
    this.#options = options;
  }

  /** All of them, in no order. */
  all(): readonly Sentinel[] {
    return [...this.#sentinels.values()];
  }

  /** Whether there is one for the version. */
  has(version: SealedVersion): boolean {
    return this.#sentinels.has(idOf(version));
  }

  /** Adds a sentinel, or replaces it with a new test result. The next {@linkcode SentinelBook.save} writes it. */
  put(sentinel: Sentinel): void {
    this.#sentinels.set(idOf(sentinel), sentinel);
    this.#unsaved.add(idOf(sentinel));
  }

  /** Whether there are unsaved changes and the pause after a failed write has passed. */
  get wantsSave(): boolean {
    return this.#unsaved.size > 0 && this.#options.clock.now() >= this.#saveAt;
  }

  /** Merges the unsaved sentinels into the store. Of two tests of one sentinel, the newer one is kept. */
  async save(): Promise<void> {
    const ids = [...this.#unsaved];
    const changed = ids.flatMap((id) => this.#sentinels.get(id) ?? []);
    try {
      const kept = await this.#options.store.update((found) => merged(found, changed, this.#options.clock.wall()));
      // A sentinel that was put while the store was written stays unsaved.
      for (const one of changed) if (this.#sentinels.get(idOf(one)) === one) this.#unsaved.delete(idOf(one));
      for (const one of kept) if (!this.#unsaved.has(idOf(one))) this.#sentinels.set(idOf(one), one);
      this.#warned = false;
    } catch (thrown) {
      this.#saveAt = this.#options.clock.now() + saveAgain;
      if (!this.#warned) this.#warn(thrown, "A version that is lost may go unnoticed after a restart.");
      this.#warned = true;
    }
  }

  #warn(thrown: unknown, consequence: string): void {
    const message = `${toKmsError(thrown).message} ${consequence}`;
    this.#options.notify({ type: "lifecycle", action: "warning", message });
  }
}

function merged(found: readonly Sentinel[], changed: readonly Sentinel[], wall: number): readonly Sentinel[] {
  const all = new Map(found.map((sentinel) => [idOf(sentinel), sentinel]));
  for (const sentinel of changed) {
    const kept = all.get(idOf(sentinel));
    const keptAt = kept?.test?.at ?? 0;
    // A stored time in the future was written before the clock was set back.
    const isNewer = (sentinel.test?.at ?? 0) >= keptAt || keptAt > wall;
    if (!kept) all.set(idOf(sentinel), sentinel);
    else if (isNewer) all.set(idOf(sentinel), { ...kept, test: sentinel.test, lost: sentinel.lost });
  }
  return [...all.values()];
}
