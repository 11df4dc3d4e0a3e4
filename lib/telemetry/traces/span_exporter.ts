/**
 * Sends spans to a collector in batches, from a bounded queue.
 *
 * @module
 */
import { type Clock, deadlineBy } from "../../base/clock.ts";
import { backoff } from "../../base/deadline.ts";
import type { Notify, SpanResult } from "../events.ts";
import { otlpBody, type SpanSource } from "./otlp_json.ts";
import type { Span } from "./span.ts";

/** The collector's answer to a batch. */
export type SpansAnswer =
  /** `rejected`: the number of spans that it did not take. */
  | { readonly state: "taken"; readonly rejected: number; readonly message: string }
  /** It can be sent again, after `afterMs` milliseconds if the collector asks for a pause. */
  | { readonly state: "later"; readonly afterMs: number | undefined; readonly message: string }
  /** It is refused for good. */
  | { readonly state: "refused"; readonly message: string };

/** Sends one batch. It does not throw. @param body as {@linkcode otlpBody}. */
export type SendSpans = (body: Uint8Array, signal: AbortSignal) => Promise<SpansAnswer>;

/**
 * `queued` and `batch`: numbers of spans, about 500 bytes each; the JSON of a batch takes about a millisecond. Times are
 * milliseconds: the longest wait for a full batch, the limit of one request, pauses after a failure, and the time after
 * which a batch that nobody takes is dropped.
 */
export const exportLimits = {
  queued: 4_096,
  batch: 256,
  waitMs: 2_000,
  sendMs: 10_000,
  firstPauseMs: 1_000,
  maxPauseMs: 30_000,
  keepMs: 60_000,
} as const;

/** Options of a {@linkcode SpanExporter}. */
export interface SpanExporterOptions {
  readonly source: SpanSource;
  readonly send: SendSpans;
  readonly clock: Clock;
  readonly notify: Notify;
}

/** See the module. Disposing of it drops what is left. */
export class SpanExporter implements Disposable {
  readonly #options: SpanExporterOptions;
  readonly #closing = new AbortController();
  readonly #stopped = new AbortController();
  #waiting: Span[] = [];
  #overflow = 0;
  #running: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;

  constructor(options: SpanExporterOptions) {
    this.#options = options;
  }

  /** Puts a span into the queue; one that finds the queue full is counted and dropped. */
  take(span: Span): void {
    if (this.#waiting.length >= exportLimits.queued || this.#closing.signal.aborted) {
      this.#overflow++;
      return;
    }
    this.#waiting.push(span);
    if (this.#running !== undefined) return;
    if (this.#waiting.length >= exportLimits.batch) return this.#start();
    this.#wait();
  }

  /** Sends what is waiting, without pauses, and drops the rest after `ms` milliseconds. No span is taken any more. */
  async flush(ms: number): Promise<void> {
    this.#closing.abort();
    const { clock } = this.#options;
    const stop = clock.after(ms, () => this.#stopped.abort());
    while (this.#running !== undefined || (this.#waiting.length > 0 && !this.#stopped.signal.aborted)) {
      this.#start();
      await this.#running;
    }
    stop();
    this.#cancelTimer?.();
    this.#report("unsent", this.#waiting.splice(0).length, "Spans were dropped at the end of the process.");
    this.#reportOverflow();
  }

  [Symbol.dispose](): void {
    this.#cancelTimer?.();
    this.#closing.abort();
    this.#stopped.abort();
  }

  #start(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#waiting.length > 0) this.#wait();
    });
  }

  async #run(): Promise<void> {
    // Not in the call that filled the batch.
    await new Promise((resolve) => setTimeout(resolve));
    do {
      await this.#sendBatch(this.#waiting.splice(0, exportLimits.batch));
      this.#reportOverflow();
    } while (this.#waiting.length >= exportLimits.batch && !this.#stopped.signal.aborted);
  }

  #wait(): void {
    this.#cancelTimer ??= this.#options.clock.after(exportLimits.waitMs, () => this.#start());
  }

  async #sendBatch(spans: readonly Span[]): Promise<void> {
    const { clock, source } = this.#options;
    const body = otlpBody(spans, source);
    const startedAt = clock.now();
    for (let failures = 1;; failures++) {
      const answer = await this.#send(body);
      if (answer.state === "taken") {
        const rejected = Math.min(spans.length, answer.rejected);
        this.#report("exported", spans.length - rejected, "");
        return this.#report("refused", rejected, answer.message);
      }
      if (answer.state === "refused") return this.#report("refused", spans.length, answer.message);
      const pauseMs = answer.afterMs ?? backoff(failures - 1, exportLimits.firstPauseMs, exportLimits.maxPauseMs);
      const isOver = clock.now() + pauseMs - startedAt > exportLimits.keepMs;
      if (isOver || this.#closing.signal.aborted) return this.#report("unsent", spans.length, answer.message);
      await this.#pause(pauseMs);
      this.#reportOverflow();
    }
  }

  async #send(body: Uint8Array): Promise<SpansAnswer> {
    using limit = deadlineBy(this.#options.clock, exportLimits.sendMs, this.#stopped.signal);
    return await this.#options.send(body, limit.signal);
  }

  async #pause(ms: number): Promise<void> {
    await this.#options.clock.sleep(ms, this.#closing.signal);
  }

  #reportOverflow(): void {
    const count = this.#overflow;
    this.#overflow = 0;
    this.#report("queue_full", count, "Spans were dropped, since the collector takes them more slowly than they come.");
  }

  #report(result: SpanResult, count: number, message: string): void {
    if (count > 0) this.#options.notify({ type: "spans", result, count, message });
  }
}
