/**
 * The store of sealed records on an engine.
 *
 * @module
 */
import { type Clock, deadlineBy } from "../../../base/clock.ts";
import { abandoned, jittered } from "../../../base/deadline.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { Engine, RowWatch, TableName } from "../engine/engine.ts";
import { type StoreKeyGroup, StoreKeys } from "./store_keys.ts";
import { fingerprintMac, KeySession } from "./key_session.ts";
import { createKeys } from "./new_store.ts";
import type { LookupPurpose, RecordReader, RecordStore, RecordTransaction } from "./records.ts";
import { OpenedRecordCache } from "./opened_record_cache.ts";
import { RecordSession, type RecordSessionParts } from "./record_session.ts";
import { OpenTransaction, type OpenTransactionParts } from "./record_transaction.ts";
import { isResealing } from "./reseal_mark.ts";
import { migrate, type Migration, migrations, newestFormat } from "./store_format.ts";

/** Options of {@linkcode openRecordStore}. */
export interface RecordStoreOptions {
  /** The store does not dispose of it. */
  readonly engine: Engine;
  /** The providers of the store. The store does not dispose of it. */
  readonly group: StoreKeyGroup;
  readonly clock: Clock;
  /** Maximum of the memory for opened records of the index and of metadata, in bytes; 24 MiB if left out. */
  readonly cacheBytes?: number;
  /** Steps from older formats, for tests; those of this version if left out. */
  readonly steps?: readonly Migration[];
}

/** Tries of a transaction, how many follow at once, and the pause between later ones in milliseconds. */
const tries = { most: 20, atOnce: 4, pauseMs: 2 } as const;

const defaultCacheBytes = 24 * 1024 * 1024;

/** Milliseconds: the deadline of calls that have no signal of their own. */
const lookupMs = 10_000;

/**
 * Opens the store. It does not wait for a KMS: the first call does, which makes the keys of an empty store, or reads and
 * migrates its format.
 */
export function openRecordStore(options: RecordStoreOptions): SealedRecordStore {
  return new SealedRecordStore(options);
}

/** See {@linkcode openRecordStore}. */
export class SealedRecordStore implements RecordStore, Disposable {
  readonly storeId: Uint8Array;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly ring: StoreKeys;
  readonly #closing = new AbortController();
  readonly #steps: readonly Migration[];
  readonly #cache: OpenedRecordCache;
  #highest = 0;
  #isReady = false;
  #readying: Promise<void> | undefined;

  constructor({ engine, group, clock, cacheBytes = defaultCacheBytes, steps = migrations }: RecordStoreOptions) {
    this.engine = engine;
    this.storeId = engine.storeId;
    this.clock = clock;
    this.ring = new StoreKeys({ engine, group, clock });
    this.#cache = new OpenedRecordCache(cacheBytes);
    this.#steps = steps;
  }

  /**
   * Reads the keys, makes them if the store is empty, and checks its format; at once after the first success.
   *
   * @throws {KeyringError} `kms_unavailable`, `store_unavailable`, `integrity`. The next call tries again.
   */
  async ready(signal: AbortSignal): Promise<void> {
    while (!this.#isReady) {
      const own = this.#readying === undefined;
      const readying = this.#readying ??= this.#open(signal).finally(() => this.#readying = undefined);
      try {
        await readying;
      } catch (thrown) {
        // Another call may have failed since its own caller gave up.
        if (own || signal.aborted) throw thrown;
      }
    }
  }

  reader(signal: AbortSignal): RecordReader {
    const begin = () => this.#isReady ? undefined : this.ready(signal);
    return new RecordSession({ ...this.#sessionParts(signal), begin });
  }

  async transaction<Result>(
    work: (tx: RecordTransaction) => Promise<Result>,
    signal: AbortSignal,
  ): Promise<Result> {
    await this.ready(signal);
    return await this.#transaction(work, signal);
  }

  async lookupKey(purpose: LookupPurpose, ...fields: readonly Uint8Array[]): Promise<Uint8Array> {
    using bound = deadlineBy(this.clock, lookupMs, this.#closing.signal);
    return await this.reader(bound.signal).lookupKey(purpose, ...fields);
  }

  async fingerprint(...fields: readonly Uint8Array[]): Promise<Uint8Array> {
    using bound = deadlineBy(this.clock, lookupMs, this.#closing.signal);
    await this.ready(bound.signal);
    const key = await this.#keys(bound.signal).current("fingerprint");
    return fingerprintMac(key.bytes, fields);
  }

  watch(table: TableName, signal: AbortSignal): RowWatch {
    return this.engine.watch(table, signal);
  }

  mark(table: TableName, prefix: Uint8Array): number | undefined {
    return this.engine.mark?.(table, prefix);
  }

  async purge(signal: AbortSignal): Promise<void> {
    await this.engine.purge(signal);
  }

  /** The greatest revision of all records that were opened or written so far: milliseconds since the epoch. */
  get newestRevision(): number {
    return this.#highest;
  }

  /** Gives all later writes a greater revision than one that was written before this process. */
  continueAfter(revision: number): void {
    this.#highest = Math.max(this.#highest, revision + 1);
  }

  /** The estimated number of bytes of opened records in memory. */
  get cachedBytes(): number {
    return this.#cache.bytes;
  }

  [Symbol.dispose](): void {
    this.#closing.abort(abandoned);
  }

  async #open(signal: AbortSignal): Promise<void> {
    const { engine, ring, clock } = this;
    await ring.load(signal);
    if (ring.rows().length === 0) await createKeys({ engine, ring, clock, format: newestFormat(this.#steps) }, signal);
    const reader = (signal: AbortSignal) => new RecordSession(this.#sessionParts(signal));
    const transaction: RecordStore["transaction"] = (work, signal) => this.#transaction(work, signal);
    await migrate({ reader, transaction }, this.#steps, signal);
    this.#isReady = true;
  }

  async #transaction<Result>(work: (tx: RecordTransaction) => Promise<Result>, signal: AbortSignal): Promise<Result> {
    for (let count = 1; count <= tries.most; count++) {
      const nextRevision: OpenTransactionParts["nextRevision"] = (previous) => this.#nextRevision(previous);
      const tx = new OpenTransaction({ ...this.#sessionParts(signal), nextRevision, isRepeated: count > 1 });
      const result = await work(tx);
      if (await tx.commit()) return result;
      // The keys are among the conditions of a commit.
      await this.ring.load(signal);
      if (count > tries.atOnce) await this.clock.sleep(jittered(tries.pauseMs * count, 0.9), signal);
    }
    const message = "Cannot write: other requests changed the same records at the same time; try again.";
    throw new KeyringError("conflict", message);
  }

  /** Grows by row, and never falls behind a revision that this process has seen, whatever the clock does. */
  #nextRevision(previous: number | "deleted" = 0): number {
    const above = 1 + (previous === "deleted" ? this.#highest : previous);
    const revision = Math.max(Math.floor(this.clock.wall()), above, this.#highest);
    this.#highest = revision;
    return revision;
  }

  #keys(signal: AbortSignal): KeySession {
    return new KeySession(this.ring, (newest) => isResealing(this.engine, newest, signal), signal);
  }

  #sessionParts(signal: AbortSignal): RecordSessionParts {
    const onRevision = (revision: number) => void (this.#highest = Math.max(this.#highest, revision));
    return { engine: this.engine, cache: this.#cache, keys: this.#keys(signal), signal, onRevision };
  }
}
