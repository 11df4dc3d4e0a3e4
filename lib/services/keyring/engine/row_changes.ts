/**
 * Changes of tables, handed to those who watch them.
 *
 * @module
 */
import type { Clock } from "../../../base/clock.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { RowName, RowWatch, TableName } from "./engine.ts";

/** Maximum number of names that wait for one watcher. */
const maxWaiting = 100_000;

/** Hands out changes to the watchers of their tables. */
export class RowChanges {
  readonly #clock: Pick<Clock, "now">;
  readonly #queues = new Map<TableName, Set<ChangeQueue>>();

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** Adds a watcher, until its signal is aborted or it has failed. A change is known to it at once. */
  watch(table: TableName, signal: AbortSignal): RowWatch {
    const queue = new ChangeQueue(signal, () => this.#clock.now());
    const queues = this.#queues.get(table) ?? new Set();
    this.#queues.set(table, queues.add(queue));
    const remove = () => {
      queues.delete(queue);
      queue.end();
    };
    if (signal.aborted) remove();
    else signal.addEventListener("abort", remove, { once: true });
    return queue;
  }

  /** Announces rows that were written or deleted. */
  announce(names: readonly RowName[]): void {
    for (const [table, queues] of this.#queues) {
      const changed = queues.size === 0 ? [] : names.filter((name) => name.table === table);
      if (changed.length === 0) continue;
      for (const queue of queues) {
        if (queue.isOver) queues.delete(queue);
        else queue.add(changed);
      }
    }
  }

  /** Ends every watch with an error. */
  fail(error: KeyringError): void {
    for (const queues of this.#queues.values()) {
      queues.forEach((queue) => queue.fail(error));
      queues.clear();
    }
  }
}

/** The changes that wait for one watcher. */
export class ChangeQueue implements RowWatch {
  readonly #signal: AbortSignal;
  readonly #freshAt: () => number;
  #waiting: RowName[] = [];
  /** The time of the last moment without a waiting change. */
  #drainedAt: number;
  #ended = false;
  #error: KeyringError | undefined;
  #wake: (() => void) | undefined;

  /** @param freshAt a time on the monotonic clock: all changes before it were added. */
  constructor(signal: AbortSignal, freshAt: () => number) {
    this.#signal = signal;
    this.#freshAt = freshAt;
    this.#drainedAt = freshAt();
  }

  confirmedAt(): number {
    // The consumer has come back for more: it has applied all that it took.
    if (this.#waiting.length === 0 && this.#wake !== undefined && this.#error === undefined) {
      this.#drainedAt = this.#freshAt();
    }
    return this.#drainedAt;
  }

  add(names: readonly RowName[]): void {
    if (this.#ended || this.#error !== undefined) return;
    this.confirmedAt();
    if (this.#waiting.length + names.length > maxWaiting) {
      return this.fail(
        new KeyringError(
          "store_unavailable",
          "The changes of the store come faster than they are taken; watch it anew.",
        ),
      );
    }
    this.#waiting.push(...names);
    this.#wake?.();
  }

  fail(error: KeyringError): void {
    this.confirmedAt();
    this.#error ??= error;
    this.#waiting = [];
    this.#wake?.();
  }

  /** Whether nothing more is taken: it has ended or failed. */
  get isOver(): boolean {
    return this.#ended || this.#error !== undefined;
  }

  end(): void {
    this.#ended = true;
    this.#waiting = [];
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly RowName[]> {
    try {
      while (!this.#ended && !this.#signal.aborted) {
        if (this.#error !== undefined) throw this.#error;
        const names = this.#waiting;
        this.#waiting = [];
        if (names.length > 0) yield names;
        else await this.#more();
      }
    } finally {
      this.end();
    }
  }

  async #more(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
    this.confirmedAt();
    this.#wake = undefined;
  }
}
