/**
 * A worker with a database.
 *
 * @module
 */
import type { SqliteFailure, SqliteJobs, SqliteReply } from "./sqlite_jobs.ts";
import { sqliteWorkerSource } from "./sqlite_worker.ts";

/** A job that has failed. */
export class SqliteError extends Error {
  override readonly name = "SqliteError";
  readonly failure: SqliteFailure;

  constructor(failure: SqliteFailure) {
    super(`SQLite failed (${failure.code ?? failure.name}).`);
    this.failure = failure;
  }
}

interface Waiting {
  readonly onReply: ((answer: unknown) => void) | undefined;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: SqliteError) => void;
}

/** The thread. Jobs are done in the order in which they were given. */
export class SqliteThread implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;
  #ended: SqliteFailure | undefined;

  constructor() {
    const url = URL.createObjectURL(new Blob([sqliteWorkerSource()], { type: "text/javascript" }));
    this.#worker = new Worker(url, { type: "module", name: "store" });
    URL.revokeObjectURL(url);
    this.#worker.onmessage = ({ data }: MessageEvent<SqliteReply>) => this.#settle(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#end({ code: undefined, name: "WorkerEnded" });
    };
  }

  /**
   * Gives the thread a job.
   *
   * @param onReply called with the answer, or with `undefined` after a failure, before the next reply is looked at: in the
   *   order in which the thread did the jobs, which the order of settled promises need not be.
   * @param argument arrays of bytes that are parts of a larger buffer must be copied first: a clone holds the whole buffer.
   * @throws {SqliteError} if it fails, or the thread has ended.
   */
  ask<Kind extends keyof SqliteJobs>(
    kind: Kind,
    argument: SqliteJobs[Kind]["argument"],
    onReply?: (answer: SqliteJobs[Kind]["answer"] | undefined) => void,
  ): Promise<SqliteJobs[Kind]["answer"]> {
    if (this.#ended !== undefined) return Promise.reject(new SqliteError(this.#ended));
    const id = ++this.#last;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, { resolve, reject, onReply: onReply as Waiting["onReply"] });
    this.#worker.postMessage({ id, kind, argument });
    return promise as Promise<SqliteJobs[Kind]["answer"]>;
  }

  /** Closes the database and ends the thread. Locks of a database that is not closed would stay until the process ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.ask("close", undefined).catch(() => {});
    this.abandon();
  }

  /** Ends the thread in the middle of its job. The database is left as a crash would leave it. */
  abandon(): void {
    this.#worker.terminate();
    this.#end({ code: undefined, name: "WorkerEnded" });
  }

  #settle(reply: SqliteReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    waiting?.onReply?.("failure" in reply ? undefined : reply.answer);
    if ("failure" in reply) waiting?.reject(new SqliteError(reply.failure));
    else waiting?.resolve(reply.answer);
  }

  #end(failure: SqliteFailure): void {
    this.#ended = failure;
    for (const { reject } of this.#waiting.values()) reject(new SqliteError(failure));
    this.#waiting.clear();
  }
}
