/**
 * The audit of the keyring's server: a chain of lines in a file, of which no line is lost by a crash of the process.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { KeyringAuditEntry } from "../../../api/keyring/audit_format.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { unavailable } from "./chain_file.ts";
import { type AuditHead, type ChainSettings, ChainWriter, type PlannedLine } from "./chain_writer.ts";
import { type Denial, DenialCounter } from "./denials.ts";
import { entryFields } from "./entry_fields.ts";

/** Options of an audit. */
export interface AuditChainOptions extends ChainSettings {
  /** If a line cannot be written: whether its request fails, or is answered and counted as lost. */
  readonly onFailure: "refuse" | "continue";
  /** Called with a sentence when writing begins to fail, and when it works again. It must not throw. */
  readonly notify?: (state: "failed" | "recovered", sentence: string) => void;
}

/** The state of an audit. */
export interface AuditHealth {
  readonly state: "ok" | "failed";
  /** A sentence, unless the state is `ok`. */
  readonly reason?: string;
  /** Requests since the start that were answered, and whose lines could not be written. */
  readonly lost: number;
}

/** How often the file is written to the disk, and how often it is tried whether writing works again. */
const tickMs = 1000;

/** Maximum number of lines in one write: mostly 300 KiB, and at most 32 MiB. */
const batchLines = 1000;

/** Maximum number of lines that wait for the disk: about 10 MiB of memory. */
const maxQueued = 10_000;

/** A line with the number of requests that it stands for. */
interface QueuedLine extends PlannedLine {
  readonly requests: number;
  /** Called after the write. */
  settle?(failure: KeyringError | undefined): void;
}

/** A chain that is being written. Its lines are in the order of the calls of {@linkcode AuditChain.record}. */
export class AuditChain implements AsyncDisposable {
  readonly #options: AuditChainOptions;
  readonly #writer: ChainWriter;
  readonly #denials = new DenialCounter();
  #queue: QueuedLine[] = [];
  #flushing = false;
  #turn: Promise<void> = Promise.resolve();
  #syncing: Promise<void> = Promise.resolve();
  readonly #failures: { write?: KeyringError | undefined; sync?: KeyringError | undefined } = {};
  /** Requests without a line: since the start, and those of them that no line reports yet. */
  #lost = 0;
  #unreported = 0;
  #closed = false;
  #stopTimer: () => void;

  private constructor(options: AuditChainOptions, writer: ChainWriter) {
    this.#options = options;
    this.#writer = writer;
    this.#stopTimer = options.clock.after(tickMs, () => this.#tick());
  }

  /**
   * Opens or creates the file, closes a cut-off write of a crash by a marker, and writes the first lines.
   *
   * @throws {KeyringError} `audit_unavailable`, also if `onFailure` is `continue`.
   */
  static async open(options: AuditChainOptions): Promise<AuditChain> {
    return new AuditChain(options, await ChainWriter.open(options));
  }

  /**
   * Writes a line. When the promise is fulfilled, the line is in the kernel, and a crash of the process does not lose it.
   *
   * @param signal ends the wait for a disk that does not answer; the line may then still be written.
   * @throws {KeyringError} `audit_unavailable`, after a failed write if `onFailure` is `refuse`; `draining` after the end.
   */
  record(entry: KeyringAuditEntry, signal?: AbortSignal): Promise<void> {
    if (this.#closed) return Promise.reject(new KeyringError("draining", "The server stops, and its audit is closed."));
    return new Promise((resolve, reject) => {
      const abandon = () =>
        reject(unavailable(this.#options.path, "the disk did not answer in time; look at the kernel log"));
      if (signal?.aborted) return abandon();
      signal?.addEventListener("abort", abandon, { once: true });
      const settle = (failure: KeyringError | undefined) => {
        signal?.removeEventListener("abort", abandon);
        if (failure === undefined) resolve();
        else reject(failure);
      };
      const line: QueuedLine = { kind: "entry", fields: entryFields(entry), requests: 1, settle };
      if (this.#queue.length < maxQueued) return this.#enqueue(line);
      this.#drop(line, unavailable(this.#options.path, "the disk is slower than the requests; look at its load"));
    });
  }

  /** Counts a refused request without an identity: one line for an address and a minute. It never throws. */
  deny(address: string, denial: Denial): void {
    const { clock } = this.#options;
    if (!this.#closed) this.#denials.add(address, denial, clock.now(), clock.wall());
  }

  /**
   * Call it before a write, whose line comes after it: while lines cannot be written, nothing is changed.
   *
   * @throws {KeyringError} `audit_unavailable` if the last write failed and `onFailure` is `refuse`.
   */
  requireWritable(): void {
    const failure = this.#failure();
    if (failure !== undefined && this.#options.onFailure === "refuse") throw failure;
  }

  /** The end of the chain. */
  head(): AuditHead {
    return this.#writer.head;
  }

  health(): AuditHealth {
    const lost = this.#lost;
    const failure = this.#failure();
    return failure === undefined ? { state: "ok", lost } : { state: "failed", reason: failure.message, lost };
  }

  /**
   * Opens the path again, after its file was renamed: the chain goes on in the new file. Called at SIGHUP.
   *
   * @throws {KeyringError} `audit_unavailable`; the chain then goes on in the old file.
   */
  async reopen(): Promise<void> {
    await this.#serial(async () => {
      await this.#syncing;
      const { failure } = await this.#writer.reopen();
      this.#report("write", failure);
      if (failure !== undefined) throw failure;
    });
  }

  /** Writes what is due, signs the last line, writes all to the disk and closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopTimer();
    this.#enqueueDenials(Infinity);
    await this.#serial(async () => {
      this.#writer.requestHead(true);
      await this.#flushAll();
      await this.#syncing;
      await this.#sync();
      await this.#writer.close();
    });
  }

  #enqueue(line: QueuedLine): void {
    this.#queue.push(line);
    if (this.#flushing) return;
    this.#flushing = true;
    // Requests of this turn of the event loop, and those that come during a write, share the next write.
    void this.#serial(async () => {
      await new Promise<void>((resolve) => setImmediate(resolve));
      await this.#flushAll();
    });
  }

  #enqueueDenials(at: number): void {
    for (const fields of this.#denials.take(at)) this.#enqueue({ kind: "denied", fields, requests: fields.count });
  }

  /** Runs work on the file after the work before it. */
  #serial<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.then(() => undefined, () => undefined);
    return result;
  }

  #tick(): void {
    const { clock } = this.#options;
    this.#stopTimer = clock.after(tickMs, () => this.#tick());
    this.#enqueueDenials(clock.now());
    // While writing fails, a signed line is the attempt that finds out when it works again.
    if (this.#writer.requestHead(this.#failures.write !== undefined)) void this.#serial(() => this.#flushAll());
    this.#syncing = this.#syncing.then(() => this.#sync());
  }

  async #sync(): Promise<void> {
    try {
      await this.#writer.sync();
      this.#report("sync", undefined);
    } catch (thrown) {
      this.#report("sync", this.#asFailure(thrown));
    }
  }

  async #flushAll(): Promise<void> {
    do await this.#flush(this.#queue.splice(0, batchLines)); while (this.#queue.length > 0);
    this.#flushing = false;
  }

  async #flush(queued: readonly QueuedLine[]): Promise<void> {
    const reported = this.#unreported;
    const lost: QueuedLine[] = reported === 0 ? [] : [{ kind: "lost", fields: { count: reported }, requests: 0 }];
    const lines = [...lost, ...queued];
    const { written, failure } = await this.#writer.write(lines).catch((thrown) => {
      return { written: 0, failure: this.#asFailure(thrown) };
    });
    this.#report("write", failure);
    if (written > 0) this.#unreported -= reported;
    // A line that the disk may not keep is as good as none.
    const unsynced = this.#options.onFailure === "refuse" ? this.#failures.sync : undefined;
    for (const { settle } of lines.slice(0, written)) settle?.(unsynced);
    for (const line of lines.slice(written)) this.#drop(line, failure);
  }

  #drop({ kind, requests, settle }: QueuedLine, failure: KeyringError | undefined): void {
    const isRefused = kind === "entry" && this.#options.onFailure === "refuse";
    settle?.(isRefused ? failure : undefined);
    if (isRefused) return;
    this.#lost += requests;
    this.#unreported += requests;
  }

  #failure(): KeyringError | undefined {
    return this.#failures.write ?? this.#failures.sync;
  }

  #report(operation: "write" | "sync", failure: KeyringError | undefined): void {
    const before = this.#failure();
    this.#failures[operation] = failure;
    const after = this.#failure();
    const { notify, path } = this.#options;
    if (before === undefined && after !== undefined) notify?.("failed", after.message);
    if (before !== undefined && after === undefined) {
      notify?.("recovered", `The audit is written to ${JSON.stringify(path)} again.`);
    }
  }

  #asFailure(thrown: unknown): KeyringError {
    if (thrown instanceof KeyringError) return thrown;
    return unavailable(this.#options.path, "the server failed in a way that it does not know; restart it", thrown);
  }
}
