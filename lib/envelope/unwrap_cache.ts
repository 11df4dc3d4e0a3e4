/**
 * Data keys that have been unwrapped, by reference, in memory only.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { Notify } from "../events.ts";
import type { Wrap } from "./wrap.ts";

/** How long a data key is kept. Durations in milliseconds. */
export interface UnwrapCacheOptions {
  readonly entries: number;
  /** Older entries are asked of their KMS again at their next use. */
  readonly maxAgeMs: number;
  /** How long one serves on while its KMS cannot be reached, since that KMS's last good answer. 0: not at all. */
  readonly graceOnOutageMs: number;
  /** An entry that no KMS has confirmed for so long is dropped. */
  readonly lifetimeMs: number;
}

/** One data key. Times are milliseconds since the epoch. */
export interface CachedDek {
  /** 32 bytes. */
  readonly dek: Uint8Array;
  /** The providers that hold a wrap of it, and the version of each. */
  readonly holders: readonly { readonly name: string; readonly version: string }[];
  /** The wraps that its reference is the hash of, each with a name of its own, where they are worth their place. */
  readonly wraps?: readonly Wrap[];
  /** Whether this process made it: then opening with it does not show that what was stored before can be read. */
  readonly own: boolean;
  confirmedAt: number;
  /** Not before then is its KMS asked again: set after a failed try, so that an outage costs one wait and not each time. */
  askAgainAt: number;
  /** When it was first refused: a second refusal, 10 s later, confirms it. */
  deniedAt: number | undefined;
}

/** Least recently used goes first. */
export class UnwrapCache implements Disposable {
  readonly #options: UnwrapCacheOptions;
  readonly #clock: Clock;
  readonly #notify: Notify;
  readonly #entries = new Map<string, CachedDek>();
  #toldSize = 0;

  constructor(options: UnwrapCacheOptions, clock: Clock, notify: Notify) {
    this.#options = options;
    this.#clock = clock;
    this.#notify = notify;
  }

  /** The entry, moved to the young end; one past its lifetime is gone. */
  get(reference: string): CachedDek | undefined {
    const entry = this.#entries.get(reference);
    if (!entry) return undefined;
    if (this.#clock.now() - entry.confirmedAt > this.#options.lifetimeMs) return void this.drop(reference, "age");
    this.#entries.delete(reference);
    this.#entries.set(reference, entry);
    return entry;
  }

  /** The entry, without being used. */
  peek(reference: string): CachedDek | undefined {
    return this.#entries.get(reference);
  }

  /** Whether an entry may serve without its KMS being asked. */
  isFresh(entry: CachedDek): boolean {
    return this.#clock.now() - entry.confirmedAt <= this.#options.maxAgeMs;
  }

  /** Whether an entry may serve on although its KMS, whose last good answer was at `lastGoodAt`, is away. */
  mayServeOn(entry: CachedDek, lastGoodAt: number): boolean {
    const since = Math.max(entry.confirmedAt, lastGoodAt);
    return this.#clock.now() - since < this.#options.graceOnOutageMs;
  }

  /** Keeps a data key that a KMS has just confirmed; the cache owns all that it is given from now on. */
  put(reference: string, kept: Pick<CachedDek, "dek" | "holders" | "wraps" | "own">): CachedDek {
    const entry: CachedDek = { ...kept, confirmedAt: this.#clock.now(), askAgainAt: -Infinity, deniedAt: undefined };
    this.#entries.delete(reference);
    this.#entries.set(reference, entry);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > this.#options.entries && oldest !== undefined) this.#remove(oldest, "lru");
    this.#tellSize();
    return entry;
  }

  /** Forgets a data key. It is not wiped: a decrypt under way may hold it. */
  drop(reference: string, reason: "lru" | "age" | "refused"): void {
    this.#remove(reference, reason);
    this.#tellSize();
  }

  #remove(reference: string, reason: "lru" | "age" | "refused"): void {
    if (this.#entries.delete(reference)) this.#notify({ type: "cache_evicted", reason, reference });
  }

  // Where every key is its own, a full cache changes with each Decrypt and its size with none.
  #tellSize(): void {
    if (this.#entries.size === this.#toldSize) return;
    this.#toldSize = this.#entries.size;
    this.#notify({ type: "cache_size", entries: this.#toldSize });
  }

  [Symbol.dispose](): void {
    for (const { dek } of this.#entries.values()) dek.fill(0);
    this.#entries.clear();
  }
}
