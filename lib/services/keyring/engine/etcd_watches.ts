/**
 * Watches of the tables of a store in etcd. Each transaction writes the marker of a table that it changes. A linearizable
 * read of the marker tells up to which revision the watch must have come for all changes before that read to be known.
 *
 * @module
 */
import type { Clock } from "../../../base/clock.ts";
import { abandoned, backoff } from "../../../base/deadline.ts";
import { toKmsError } from "../../../base/errors.ts";
import type { EtcdClient } from "../../../net/etcd/etcd_client.ts";
import { EtcdError, isPassing } from "../../../net/etcd/etcd_error.ts";
import { readEtcd } from "../../../net/etcd/etcd_kv.ts";
import { type EtcdChange, watchEtcd } from "../../../net/etcd/etcd_watch.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { RowWatch, TableName } from "./engine.ts";
import type { EtcdKeys } from "./etcd_keys.ts";
import { ChangeQueue } from "./row_changes.ts";

/** Milliseconds between two confirmations, for a stream that is behind, and between two tries. */
const timings = { confirm: 1_000, behind: 3_000, firstPause: 100, longestPause: 2_000 } as const;

/** The state that all watches of one engine share. */
export interface EtcdWatchParts {
  readonly client: EtcdClient;
  readonly keys: EtcdKeys;
  readonly clock: Clock;
}

/** One table that is watched, from the revision after `seen` on, until the signal is aborted. */
export class EtcdTableWatch {
  readonly #parts: EtcdWatchParts;
  readonly #table: TableName;
  readonly #signal: AbortSignal;
  readonly #queue: ChangeQueue;
  #seen: number;
  #freshAt: number;
  /** A marker that the stream has not reached, and when it was asked for. */
  #behind: { readonly revision: number; readonly at: number } | undefined;
  #stream = new AbortController();

  constructor(parts: EtcdWatchParts, table: TableName, seen: number, signal: AbortSignal) {
    this.#parts = parts;
    this.#table = table;
    this.#seen = seen;
    this.#signal = signal;
    this.#freshAt = parts.clock.now();
    this.#queue = new ChangeQueue(signal, () => this.#freshAt);
  }

  get changes(): RowWatch {
    return this.#queue;
  }

  /** Follows the table. Resolves after the signal, or when changes can have been missed. */
  async run(): Promise<void> {
    const onAbort = () => {
      this.#stream.abort(abandoned);
      this.#queue.end();
    };
    if (this.#signal.aborted) onAbort();
    this.#signal.addEventListener("abort", onAbort, { once: true });
    await Promise.all([this.#follow(), this.#confirm()]);
    this.#signal.removeEventListener("abort", onAbort);
  }

  /** Ends the watch with an error. */
  fail(error: KeyringError): void {
    this.#queue.fail(error);
  }

  get #isOver(): boolean {
    return this.#signal.aborted || this.#queue.isOver;
  }

  async #follow(): Promise<void> {
    const { client, keys, clock } = this.#parts;
    for (let failures = 0; !this.#isOver; failures++) {
      this.#stream = new AbortController();
      const call = { signal: this.#stream.signal, action: "watch the store" };
      try {
        const range = { ...keys.table(this.#table), from: this.#seen + 1 };
        for await (const changes of watchEtcd(client, range, call)) {
          failures = 0;
          this.#take(changes);
          if (this.#isOver) return;
        }
      } catch (thrown) {
        this.#give(thrown);
      }
      if (!this.#isOver) await clock.sleep(backoff(failures, timings.firstPause, timings.longestPause), this.#signal);
    }
  }

  #take(changes: readonly EtcdChange[]): void {
    const names = changes.map(({ key }) => this.#parts.keys.nameOf(key)).filter((name) => name !== undefined);
    this.#seen = changes.reduce((newest, { modRevision }) => Math.max(newest, modRevision), this.#seen);
    if (names.length > 0) this.#queue.add(names);
    if (this.#behind !== undefined && this.#seen >= this.#behind.revision) {
      this.#freshAt = this.#behind.at;
      this.#behind = undefined;
    }
  }

  /** A passing failure leaves the watch unconfirmed; another one ends it. */
  #give(thrown: unknown): void {
    const error = toKmsError(thrown);
    if (this.#isOver || isPassing(error) || error.code === "cancelled") return;
    const isCompacted = error instanceof EtcdError && error.reason === "mvcc: required revision has been compacted";
    const message = isCompacted
      ? "Cannot watch the store: etcd has compacted changes before they were read; watch it anew."
      : error.message;
    this.#queue.fail(new KeyringError("store_unavailable", message, { cause: error }));
  }

  async #confirm(): Promise<void> {
    const { client, keys, clock } = this.#parts;
    const call = { signal: this.#signal, action: "watch the store", repeatable: true };
    for (; !this.#isOver; await clock.sleep(timings.confirm, this.#signal)) {
      const at = clock.now();
      try {
        const { rows: [marker] } = await readEtcd(client, { key: keys.marker(this.#table) }, call);
        this.#compare(marker?.modRevision ?? 0, at);
      } catch {
        // The watch stays unconfirmed, which its consumer sees.
      }
    }
    // A consumer that has left waits for no further message.
    this.#stream.abort(abandoned);
  }

  #compare(revision: number, at: number): void {
    if (this.#seen >= revision) {
      this.#freshAt = at;
      this.#behind = undefined;
      return;
    }
    this.#behind ??= { revision, at };
    // The stream may hang on a connection that is gone.
    if (at - this.#behind.at < timings.behind) return;
    this.#behind = undefined;
    this.#parts.client.avoidCurrent();
    this.#stream.abort(abandoned);
  }
}
