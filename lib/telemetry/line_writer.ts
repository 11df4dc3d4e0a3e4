/**
 * A bounded buffer of lines before a slow writer: the path of a call never waits for a disk, and no line is lost
 * without being counted.
 *
 * @module
 */
import { utf8 } from "../base/bytes.ts";
import { systemClock } from "../base/clock.ts";
import { systemFailure } from "../base/system_failures.ts";
import type { LineTarget } from "./line_target.ts";

/** How lines fare: written, kept because writing fails, or lost because the buffer is full as well. */
export type WriterState = "well" | "failing" | "losing";

/** What a writer tells when its state changes. */
export interface WriterReport {
  readonly state: WriterState;
  /** Lines lost since the start. */
  readonly lost: number;
  /** Why the last write failed, as the end of a sentence without its full stop; `""` if none failed. */
  readonly cause: string;
}

/** How long lines may wait, and how many. */
export interface LineWriterOptions {
  readonly target: LineTarget;
  /** A line is handed to the target at the latest after this many milliseconds. */
  readonly flushMs: number;
  /** Most characters that wait, besides the batch that is being written; a line beyond them is lost. */
  readonly maxBuffered: number;
  /** Milliseconds between two tries of a write that failed. */
  readonly retryMs: number;
  /** Most milliseconds that closing waits for what is buffered. */
  readonly closeMs: number;
  /** Called at each change of state, and never for each line. */
  readonly onReport: (report: WriterReport) => void;
  /** A line that takes the place of `lost` others, so that a reader sees the gap. */
  readonly gapLine?: (lost: number) => string;
}

/** Most characters of one write, each of at most three bytes. */
const batchLength = 20 * 1024;

const encoder = new TextEncoder();

/** Writes lines in order. Closing it writes what is buffered, for as long as `closeMs`, and counts the rest as lost. */
export class LineWriter implements AsyncDisposable {
  readonly #options: LineWriterOptions;
  /** From `#first` on they wait; those before it have been moved into a batch. */
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

  /** Lines lost since the start. */
  get lost(): number {
    return this.#lost;
  }

  get state(): WriterState {
    return this.#state;
  }

  /** Why the last write failed, as in a report. */
  get cause(): string {
    return this.#cause;
  }

  /** Takes one line with its line feed. It never throws and never waits. */
  write(line: string): void {
    if (this.#closed || this.#buffered + line.length > this.#options.maxBuffered) return this.lose();
    this.#lines.push(line);
    this.#buffered += line.length;
    this.#schedule(this.#options.flushMs);
  }

  /** Counts lines that could not be taken. */
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

  /** One flush, or as much of it as `ms` allows; after one that failed, a short breath. */
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
   * Moves what fits of what waits into the batch. Its bytes are those of one buffer that is used again and again: a
   * new one each time is memory that the collector sees late. A gap comes last: what was lost came after what is kept.
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
