/**
 * A bounded buffer of lines in front of a slow target. No call waits for a disk, and every lost line is counted.
 *
 * @module
 */
import { utf8 } from "../base/bytes.ts";
import { systemClock } from "../base/clock.ts";
import { systemFailure } from "../base/system_failures.ts";
import type { LineTarget } from "./line_target.ts";

/**
 * `well`: lines are written. `failing`: writing fails and lines are buffered. `losing`: lines were lost since the last
 * successful write.
 */
export type WriterState = "well" | "failing" | "losing";

/** The report at a change of state. */
export interface WriterReport {
  readonly state: WriterState;
  /** Number of lines lost since the start. */
  readonly lost: number;
  /** Why the last write failed, as the end of a sentence without its full stop; `""` if it succeeded. */
  readonly cause: string;
}

/** Options of a {@linkcode LineWriter}. */
export interface LineWriterOptions {
  readonly target: LineTarget;
  /** The longest time until a line is passed to the target, in milliseconds. */
  readonly flushMs: number;
  /** Maximum number of characters that wait, without the batch being written. A line beyond it is lost. */
  readonly maxBuffered: number;
  /** Milliseconds from a failed write to the next attempt. */
  readonly retryMs: number;
  /** The longest time that closing waits for buffered lines, in milliseconds. */
  readonly closeMs: number;
  /** Called at each change of state, not for each line. */
  readonly onReport: (report: WriterReport) => void;
  /** Makes the line that is written in place of `lost` lines, so that a reader can detect the gap. */
  readonly gapLine?: (lost: number) => string;
}

/**
 * Maximum number of UTF-16 units in one batch, each of at most three bytes. A write is answered by another thread, which
 * costs as much as some hundred lines.
 */
const batchLength = 64 * 1024;

const encoder = new TextEncoder();

/** Writes lines in order. Closing it writes the buffered lines for at most `closeMs`, and counts the rest as lost. */
export class LineWriter implements AsyncDisposable {
  readonly #options: LineWriterOptions;
  /** The lines from `#first` on wait. Those before it have been moved into a batch. */
  #lines: string[] = [];
  #first = 0;
  #buffered = 0;
  readonly #bytes = new Uint8Array(3 * batchLength);
  #batch: Uint8Array = new Uint8Array(0);
  #written = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #flushing: Promise<void> | undefined;
  #closed = false;
  #lost = 0;
  #gap = 0;
  #state: WriterState = "well";
  #cause = "";

  constructor(options: LineWriterOptions) {
    this.#options = options;
  }

  /** Number of lines lost since the start. */
  get lost(): number {
    return this.#lost;
  }

  /** The present state. */
  get state(): WriterState {
    return this.#state;
  }

  /** Why the last write failed; see {@linkcode WriterReport}. */
  get cause(): string {
    return this.#cause;
  }

  /** Buffers one line, which ends with its line feed. It never throws and never waits. */
  write(line: string): void {
    if (this.#closed || this.#buffered + line.length > this.#options.maxBuffered) return this.lose();
    this.#lines.push(line);
    this.#buffered += line.length;
    this.#schedule(this.#options.flushMs);
  }

  /** Counts lines that could not be buffered. */
  lose(lines = 1): void {
    this.#lost += lines;
    this.#gap += lines;
    this.#become("losing");
    if (!this.#closed) this.#schedule(this.#options.flushMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const until = systemClock.now() + this.#options.closeMs;
    while (this.#pending && systemClock.now() < until) await this.#attempt(until - systemClock.now());
    clearTimeout(this.#timer);
    if (this.#pending) this.lose(this.#unwritten());
    await this.#options.target[Symbol.asyncDispose]();
  }

  get #pending(): boolean {
    return this.#first < this.#lines.length || this.#gap > 0 || this.#written < this.#batch.length;
  }

  #schedule(ms: number): void {
    if (this.#timer !== undefined || this.#flushing !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#start();
    }, ms);
  }

  #start(): Promise<void> {
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = undefined;
      if (this.#pending && !this.#closed) this.#schedule(this.#cause === "" ? 0 : this.#options.retryMs);
    });
    return this.#flushing;
  }

  /** Waits at most `ms` milliseconds for one flush, and pauses briefly if it failed. */
  async #attempt(ms: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const pause = (length: number) => new Promise<void>((resolve) => timer = setTimeout(resolve, length));
    await Promise.race([this.#start(), pause(ms)]);
    clearTimeout(timer);
    if (this.#cause !== "") await pause(Math.min(ms, this.#options.retryMs, 50));
  }

  async #flush(): Promise<void> {
    const { target } = this.#options;
    try {
      while (this.#pending) {
        const anew = await target.prepare();
        if (anew && this.#written > 0) this.#written = this.#batch.lastIndexOf(10, this.#written - 1) + 1;
        if (this.#written >= this.#batch.length) this.#fill();
        while (this.#written < this.#batch.length) {
          this.#written += await target.write(this.#batch.subarray(this.#written));
        }
      }
      this.#cause = "";
      this.#become("well");
    } catch (thrown) {
      this.#cause = systemFailure(thrown);
      if (this.#state === "well") this.#become("failing");
    }
  }

  /**
   * Moves waiting lines into the batch. Batches share one buffer: V8 would collect new buffers late. The line about a gap
   * comes last, because the lost lines came after the buffered ones.
   */
  #fill(): void {
    if (this.#gap > 0 && this.#options.gapLine !== undefined) this.#lines.push(this.#options.gapLine(this.#gap));
    this.#gap = 0;
    let text = "";
    let line = this.#lines[this.#first];
    while (line !== undefined && (text === "" || text.length + line.length <= batchLength)) {
      text += line;
      this.#buffered -= line.length;
      line = this.#lines[++this.#first];
    }
    if (line === undefined) {
      this.#lines = [];
      this.#first = 0;
      this.#buffered = 0;
    }
    const { read, written } = encoder.encodeInto(text, this.#bytes);
    this.#batch = read === text.length ? this.#bytes.subarray(0, written) : utf8(text);
    this.#written = 0;
  }

  #unwritten(): number {
    const rest = this.#batch.subarray(this.#written);
    return this.#lines.length - this.#first + rest.reduce((lines, byte) => byte === 10 ? lines + 1 : lines, 0);
  }

  #become(state: WriterState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#options.onReport({ state, lost: this.#lost, cause: this.#cause });
  }
}
