/**
 * The embedded engine: SQLite in a worker.
 *
 * @module
 */
import type { Clock } from "../../../base/clock.ts";
import { abandoned, isTimeout } from "../../../base/deadline.ts";
import type { Notify } from "../../../telemetry/events.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { Batches, type Submitted } from "./batches.ts";
import {
  type Engine,
  type EngineHealth,
  type Range,
  type RowCondition,
  type RowName,
  type RowWatch,
  type RowWrite,
  type StoredRow,
  type TableName,
  tables,
} from "./engine.ts";
import { RangeMarks } from "./range_marks.ts";
import { boundsOf, ownBytes } from "./key_range.ts";
import { requireNames, requireRange, requireTransaction } from "./limits.ts";
import { RowChanges } from "./row_changes.ts";
import { SealedRowCache } from "./sealed_row_cache.ts";
import { isFinalFailure, isUncertain, sqliteFailure } from "./sqlite_failures.ts";
import type { SqliteRead, SqliteRow, SqliteTransaction } from "./sqlite_jobs.ts";
import { noteCommit, noteRead, storedRow } from "./sqlite_rows.ts";
import { SqliteError, SqliteThread } from "./sqlite_thread.ts";
import { examineStore, makeStore, refused, requireFormat } from "./store_file.ts";
import { lockStore } from "./store_lock.ts";

/** Options of {@linkcode openEmbeddedEngine}. */
export interface EmbeddedOptions {
  /** Path of the database; its folder is made if it is missing. */
  readonly path: string;
  readonly clock: Clock;
  readonly notify?: Notify;
  /** Whether a missing store is made. */
  readonly create: boolean;
}

/**
 * Milliseconds between two tries to empty the log; for a write on the disk whose caller has given up; from the first answer
 * to the check of the file, whose thread would take its time from the start of the server.
 */
const pauses = { purge: 50, givenUp: 10_000, check: 1_000 } as const;

/** Bytes of rows in one step of a snapshot. */
const stepBytes = 1 << 20;

/** Bytes of rows in memory. */
const cacheBytes = 24 << 20;

/**
 * Opens the store at a path: takes its lock, and checks rights, header and schema. The whole file is checked after the
 * first answer.
 *
 * @throws {KeyringError} `store_unavailable`.
 */
export async function openEmbeddedEngine(options: EmbeddedOptions): Promise<Engine> {
  const { path, create } = options;
  const exists = await examineStore(path);
  if (!exists && !create) throw refused(path, "there is none; restore a backup, or let the server make a new one");
  const lock = await lockStore(path);
  const thread = new SqliteThread();
  try {
    // Another process can have made it before the lock was taken.
    if (!exists && !await examineStore(path)) await makeStore(path);
    const { storeId, format } = await thread.ask("open", { path, readOnly: false });
    // A newer version can have written a header that is still in the log.
    requireFormat(path, format);
    if (storeId === undefined) throw refused(path, "its tables are not those of the keyring; restore a backup");
    return new EmbeddedEngine(options, storeId, thread, lock);
  } catch (thrown) {
    await thread[Symbol.asyncDispose]();
    lock[Symbol.dispose]();
    throw thrown instanceof SqliteError ? refused(path, sqliteFailure(thrown.failure), thrown) : thrown;
  }
}

class EmbeddedEngine implements Engine {
  readonly kind = "embedded";
  readonly storeId: Uint8Array;
  readonly #options: EmbeddedOptions;
  readonly #thread: SqliteThread;
  readonly #lock: Disposable;
  readonly #changes: RowChanges;
  readonly #reads: Batches<SqliteRead, readonly (SqliteRow | undefined)[]>;
  readonly #commits: Batches<SqliteTransaction, number | undefined>;
  readonly #rows = new SealedRowCache(cacheBytes);
  readonly #marks = new RangeMarks();
  readonly #closing = new AbortController();
  #check: Promise<void> | undefined;
  /** Why no answer can be trusted any more. */
  #failed: string | undefined;
  /** Why the last write failed. */
  #degraded: string | undefined;

  constructor(options: EmbeddedOptions, storeId: Uint8Array, thread: SqliteThread, lock: Disposable) {
    this.#options = options;
    this.storeId = storeId;
    this.#thread = thread;
    this.#lock = lock;
    this.#changes = new RowChanges(options.clock);
    this.#reads = new Batches((jobs) => thread.ask("read", jobs, (answers) => noteRead(this.#rows, jobs, answers)));
    // What comes after a failed sync must not be written: it would depend on pages that may be lost.
    const mayRepeat = (thrown: unknown) => thrown instanceof SqliteError && !isFinalFailure(thrown.failure);
    this.#commits = new Batches(
      (jobs) =>
        thread.ask("commit", jobs, (answers) => noteCommit({ rows: this.#rows, marks: this.#marks }, jobs, answers)),
      mayRepeat,
    );
  }

  async get(names: readonly RowName[], signal: AbortSignal): Promise<readonly (StoredRow | undefined)[]> {
    requireNames(names);
    this.#require("read", signal);
    const known = this.#rows.get(names);
    if (known !== undefined) return known;
    return await this.#read({ names: names.map(({ table, key }) => [tables[table], ownBytes(key)]) }, signal);
  }

  async scan(range: Range, signal: AbortSignal): Promise<readonly StoredRow[]> {
    requireRange(range);
    const { table, limit } = range;
    const { from, to } = boundsOf(range);
    const rows = await this.#read({ range: { table: tables[table], from, to, limit } }, signal);
    return rows.filter((row) => row !== undefined);
  }

  async commit(
    conditions: readonly RowCondition[],
    writes: readonly RowWrite[],
    signal: AbortSignal,
  ): Promise<boolean> {
    requireTransaction(conditions, writes);
    const transaction: SqliteTransaction = {
      conditions: conditions.map(({ table, key, version }) =>
        [tables[table], ownBytes(key), version === "absent" ? 0 : version] as const
      ),
      writes: writes.map(({ table, key, bytes }) => [tables[table], ownBytes(key), bytes && ownBytes(bytes)] as const),
    };
    const bytes = writes.reduce((sum, one) => sum + (one.bytes?.length ?? 0), 0);
    const action = "write to";
    const committed = await this.#answer(action, signal, () => this.#commits.submit(transaction, bytes)) !== undefined;
    this.#degraded = undefined;
    if (committed) this.#changes.announce(writes.map(({ table, key }) => ({ table, key: ownBytes(key) })));
    return committed;
  }

  watch(table: TableName, signal: AbortSignal): RowWatch {
    return this.#changes.watch(table, signal);
  }

  mark(table: TableName, prefix: Uint8Array): number {
    return this.#marks.of(table, prefix);
  }

  async *snapshot(signal: AbortSignal): AsyncGenerator<readonly StoredRow[]> {
    this.#require("read", signal);
    await using thread = new SqliteThread();
    try {
      await thread.ask("open", { path: this.#options.path, readOnly: true });
      await thread.ask("snapshot", undefined);
      for (;;) {
        this.#require("read", signal);
        const rows = await thread.ask("rows", { bytes: stepBytes });
        if (rows.length === 0) break;
        yield rows.map(storedRow);
      }
    } catch (thrown) {
      throw thrown instanceof SqliteError ? this.#failure("read", thrown) : thrown;
    }
  }

  async purge(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    for (;;) {
      this.#require("purge", signal);
      try {
        if (!(await this.#thread.ask("checkpoint", undefined)).busy) return;
      } catch (thrown) {
        throw this.#failure("purge", thrown);
      }
      await clock.sleep(pauses.purge, signal);
    }
  }

  health(): EngineHealth {
    if (this.#failed !== undefined) return { state: "failed", reason: this.#failed };
    if (this.#degraded !== undefined) return { state: "degraded", reason: this.#degraded };
    return { state: "ok" };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(abandoned);
    this.#changes.fail(this.#error("watch", "it is closed"));
    await this.#check;
    await this.#thread[Symbol.asyncDispose]();
    this.#lock[Symbol.dispose]();
  }

  async #read(job: SqliteRead, signal: AbortSignal): Promise<readonly (StoredRow | undefined)[]> {
    const rows = await this.#answer("read", signal, () => this.#reads.submit(job, 0));
    return rows.map((row) => row && storedRow(row));
  }

  /** Waits for a job. One that has been sent has its outcome soon, which is better than an unknown one. */
  async #answer<T>(action: string, signal: AbortSignal, submit: () => Submitted<T>): Promise<T> {
    this.#require(action, signal);
    const job = submit();
    let cancel = () => {};
    const givenUp = Promise.withResolvers<never>();
    const onAbort = () => {
      if (job.withdraw()) return givenUp.reject(this.#givenUp(action, signal));
      const unknown = () => givenUp.reject(this.#error(action, "the disk does not answer", { outcome: "unknown" }));
      cancel = this.#options.clock.after(pauses.givenUp, unknown);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([job.answer, givenUp.promise]);
    } catch (thrown) {
      throw this.#failure(action, thrown);
    } finally {
      cancel();
      signal.removeEventListener("abort", onAbort);
      this.#check ??= this.#checkFile();
    }
  }

  #require(action: string, signal: AbortSignal): void {
    if (this.#closing.signal.aborted) throw this.#error(action, "it is closed");
    if (this.#failed !== undefined) throw new KeyringError("store_unavailable", this.#failed);
    if (signal.aborted) throw this.#givenUp(action, signal);
  }

  /** Reads the whole file in another worker. */
  async #checkFile(): Promise<void> {
    await this.#options.clock.sleep(pauses.check, this.#closing.signal);
    if (this.#closing.signal.aborted) return;
    await using thread = new SqliteThread();
    const end = () => thread.abandon();
    try {
      // A thread that is ended while it opens the file may still make files beside it afterwards.
      await thread.ask("open", { path: this.#options.path, readOnly: true });
      if (this.#closing.signal.aborted) return;
      this.#closing.signal.addEventListener("abort", end, { once: true });
      if (await thread.ask("check", undefined) !== "ok") this.#fail("its file is damaged; restore a backup");
    } catch (thrown) {
      if (!this.#closing.signal.aborted) this.#unchecked(thrown);
    } finally {
      this.#closing.signal.removeEventListener("abort", end);
    }
  }

  /** A check that could not be made says nothing about the file. */
  #unchecked(thrown: unknown): void {
    const failure = thrown instanceof SqliteError ? thrown.failure : { code: undefined, name: "Error" };
    if (isFinalFailure(failure)) return this.#fail(sqliteFailure(failure));
    const { message } = this.#error("check", sqliteFailure(failure));
    this.#options.notify?.({ type: "lifecycle", action: "warning", message });
  }

  #failure(action: string, thrown: unknown): KeyringError {
    if (thrown instanceof KeyringError) return thrown;
    const failure = thrown instanceof SqliteError ? thrown.failure : { code: undefined, name: "Error" };
    const why = sqliteFailure(failure);
    const details = { cause: thrown, ...(isUncertain(failure) ? { outcome: "unknown" as const } : {}) };
    const error = this.#error(action, why, details);
    if (isFinalFailure(failure) || failure.code === undefined) this.#fail(why);
    else this.#degraded = error.message;
    return error;
  }

  /** From now on nothing is answered: a missing row of a damaged file would pass for one that never was. */
  #fail(why: string): void {
    if (this.#failed !== undefined) return;
    const error = this.#error("use", why);
    this.#failed = error.message;
    this.#changes.fail(error);
    this.#options.notify?.({ type: "lifecycle", action: "warning", message: error.message });
  }

  #givenUp(action: string, signal: AbortSignal): KeyringError {
    return this.#error(action, isTimeout(signal) ? "there was no answer within the deadline" : "the caller gave up");
  }

  #error(action: string, why: string, details: { cause?: unknown; outcome?: "unknown" } = {}): KeyringError {
    return new KeyringError(
      "store_unavailable",
      `Cannot ${action} the store at "${this.#options.path}": ${why}.`,
      details,
    );
  }
}
