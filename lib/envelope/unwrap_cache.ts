/**
 * Caches unwrapped data keys by reference, in memory only.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { Notify } from "../telemetry/events.ts";
import type { Wrap } from "./wrap.ts";

/** How long a data key is kept. Durations are in milliseconds. */
export interface UnwrapCacheOptions {
  /** The largest number of data keys. */
  readonly entries: number;
  /** An older entry is unwrapped again at its next use. */
  readonly maxAgeMs: number;
  /** How long an entry is served in an outage, counted from the last success of a provider that can unwrap it. 0: never. */
  readonly graceOnOutageMs: number;
  /** An entry that was not unwrapped again for this time is dropped. */
  readonly lifetimeMs: number;
}

/** One data key. Times are moments of `Clock.now`. */
export interface CachedDek {
  /** 32 bytes. */
  readonly dek: Uint8Array;
  /** The configured providers that can unwrap it, and the version of each. */
  readonly holders: readonly { readonly name: string; readonly version: string }[];
  /** The wraps that its reference is the hash of; all names differ. */
  readonly wraps?: readonly Wrap[];
  /** Whether this process made it: then a Decrypt with it does not show that older data can be read. */
  readonly own: boolean;
  /** When it was last unwrapped or made. */
  confirmedAt: number;
  /** No earlier revalidation: set after a failed one, so that an outage delays one Decrypt and not each. */
  askAgainAt: number;
  /** When it was first refused with `permission_denied`; a later refusal confirms it. */
  deniedAt: number | undefined;
  /** Seeds that it has opened and that are kept with it, each by the name that its caller gave; wiped when it goes. */
  readonly seeds: Map<string, Uint8Array>;
}

/** A least recently used cache. */
export class UnwrapCache implements Disposable {
  readonly #options: UnwrapCacheOptions;
  readonly #clock: Clock;
  readonly #notify: Notify;
  /** In the order of their last use. */
  readonly #entries = new Map<string, CachedDek>();
  /** The entry at the end of that order; `undefined` if it was removed. */
  #newest: CachedDek | undefined;
  #reportedSize = 0;

  constructor(options: UnwrapCacheOptions, clock: Clock, notify: Notify) {
    this.#options = options;
    this.#clock = clock;
    this.#notify = notify;
  }

  /**
   * The entry, which becomes the most recently used; `undefined` past its lifetime.
   *
   * @param now the current time, if the caller has just read the clock.
   */
  get(reference: string, now: number = this.#clock.now()): CachedDek | undefined {
    const entry = this.#entries.get(reference);
    if (!entry) return undefined;
    if (now - entry.confirmedAt > this.#options.lifetimeMs) return void this.drop(reference, "age");
    if (entry !== this.#newest) this.#moveToEnd(reference, entry);
    return entry;
  }

  #moveToEnd(reference: string, entry: CachedDek): void {
    this.#entries.delete(reference);
    this.#entries.set(reference, entry);
    this.#newest = entry;
  }

  /** The entry, without changing the order. */
  peek(reference: string): CachedDek | undefined {
    return this.#entries.get(reference);
  }

  /** Whether an entry is young enough to serve without a remote call. @param now as for {@linkcode UnwrapCache.get}. */
  isFresh(entry: CachedDek, now: number = this.#clock.now()): boolean {
    return now - entry.confirmedAt <= this.#options.maxAgeMs;
  }

  /** Whether an entry may serve in an outage of its providers, the last success of which was at `lastGoodAt`. */
  mayServeStale(entry: CachedDek, lastGoodAt: number): boolean {
    const since = Math.max(entry.confirmedAt, lastGoodAt);
    return this.#clock.now() - since < this.#options.graceOnOutageMs;
  }

  /** Adds or replaces a data key that was just unwrapped or made. The cache owns its argument from now on. */
  put(reference: string, kept: Pick<CachedDek, "dek" | "holders" | "wraps" | "own">): CachedDek {
    const times = { confirmedAt: this.#clock.now(), askAgainAt: -Infinity, deniedAt: undefined };
    const entry: CachedDek = { ...kept, ...times, seeds: new Map() };
    wipeSeeds(this.#entries.get(reference));
    this.#moveToEnd(reference, entry);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > this.#options.entries && oldest !== undefined) this.#remove(oldest, "lru");
    this.#reportSize();
    return entry;
  }

  /** Removes a data key. It is not wiped: a Decrypt in progress may hold it. Seeds are, since only copies are given out. */
  drop(reference: string, reason: "lru" | "age" | "refused"): void {
    this.#remove(reference, reason);
    this.#reportSize();
  }

  #remove(reference: string, reason: "lru" | "age" | "refused"): void {
    const entry = this.#entries.get(reference);
    wipeSeeds(entry);
    // The cache keeps no reference to a data key that it has given up.
    this.#newest = undefined;
    if (this.#entries.delete(reference)) this.#notify({ type: "cache_evicted", reason, reference });
  }

  // A full cache changes with each Decrypt of a new data key, and its size with none: no event then.
  #reportSize(): void {
    if (this.#entries.size === this.#reportedSize) return;
    this.#reportedSize = this.#entries.size;
    this.#notify({ type: "cache_size", entries: this.#reportedSize });
  }

  [Symbol.dispose](): void {
    for (const entry of this.#entries.values()) {
      entry.dek.fill(0);
      wipeSeeds(entry);
    }
    this.#entries.clear();
  }
}

function wipeSeeds(entry: CachedDek | undefined): void {
  for (const seed of entry?.seeds.values() ?? []) seed.fill(0);
  entry?.seeds.clear();
}
