/**
 * The sentinels of a running node: what it holds is written as soon as that can be done.
 *
 * @module
 */
import type { Clock } from "../../../base/clock.ts";
import { toKmsError } from "../../../base/errors.ts";
import type { Notify } from "../../../telemetry/events.ts";
import { idOf, type SealedVersion, type Sentinel } from "./sentinel.ts";
import type { SentinelStore } from "./sentinel_file.ts";

/** Milliseconds between two tries to write, where it fails. */
const saveAgain = 60_000;

/** What a book is made of. */
export interface SentinelBookOptions {
  readonly clock: Clock;
  readonly notify: Notify;
  readonly store: SentinelStore;
}

/** Nothing that it does throws: a node that seals and opens serves, and a warning says what it does not keep. */
export class SentinelBook {
  readonly #options: SentinelBookOptions;
  readonly #sentinels = new Map<string, Sentinel>();
  readonly #unsaved = new Set<string>();
  #saveAt = -Infinity;
  #warned = false;

  /** Reads what is kept. */
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

  /** Takes a new one, or a new result, which the next {@linkcode SentinelBook.save} writes. */
  put(sentinel: Sentinel): void {
    this.#sentinels.set(idOf(sentinel), sentinel);
    this.#unsaved.add(idOf(sentinel));
  }

  /** Whether something is not written that can be tried to be. */
  get wantsSave(): boolean {
    return this.#unsaved.size > 0 && this.#options.clock.now() >= this.#saveAt;
  }

  /** Writes what has changed to what the store holds: of two tests of one sentinel, the newer one counts. */
  async save(): Promise<void> {
    const ids = [...this.#unsaved];
    const changed = ids.flatMap((id) => this.#sentinels.get(id) ?? []);
    try {
      const kept = await this.#options.store.update((found) => merged(found, changed, this.#options.clock.wall()));
      // Another result may have come in while this was written.
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
    // A result of the future was written before the clock was set back.
    const isNewer = (sentinel.test?.at ?? 0) >= keptAt || keptAt > wall;
    if (!kept) all.set(idOf(sentinel), sentinel);
    else if (isNewer) all.set(idOf(sentinel), { ...kept, test: sentinel.test, lost: sentinel.lost });
  }
  return [...all.values()];
}
