/**
 * Batches concurrent calls. The number of requests in flight is bounded; further calls wait in a queue.
 *
 * @module
 */
import { abortError } from "../base/deadline.ts";
import { KmsError, toKmsError } from "../base/errors.ts";
import type { Notify, ProviderVerb } from "../telemetry/events.ts";

/** How a {@linkcode Batcher} sends, and its limits. */
export interface BatcherSettings<In, Out> {
  /** The provider's name, for events and messages. */
  readonly provider: string;
  readonly verb: ProviderVerb;
  /** Maximum number of concurrent requests, at least 1. */
  readonly inFlight: number;
  /** Maximum number of items in a request, at least 1. */
  readonly size: number;
  /**
   * Sends one request. It resolves with one outcome for each item, in the same order; a KmsError concerns that item
   * only. If it rejects, the error is the outcome of all items. The signal is aborted when the callers of all items
   * have gone.
   */
  readonly send: (items: readonly In[], signal: AbortSignal) => Promise<readonly (Out | KmsError)[]>;
  readonly notify: Notify;
  /** Runs a function after the calls of this turn of the event loop are queued: {@linkcode afterThisTurn} if absent. */
  readonly soon?: (send: () => void) => void;
}

/** Runs `work` after the event loop has handled the input that it has read, without a timer. */
export function afterThisTurn(work: () => void): void {
  setImmediate(work);
}

// Minimum number of items in a share: a request costs as much as several items, so that fewer are not split over two
// requests.
const minBatch = 32;

interface Waiting<In, Out> {
  readonly item: In;
  /** Passes the outcome to the caller; no effect if the caller has gone. */
  readonly settle: (outcome: Out | KmsError) => void;
  /** Set while a request contains this item: notifies it that the item's caller has gone. */
  onCancel?: () => void;
}

/**
 * Merges concurrent calls into batches. A call is sent at the end of the turn of the event loop in which it arrived,
 * together with all calls of the same turn: one read often delivers many calls, and the first of them would otherwise
 * use a request for itself. Calls that arrive while all requests are in flight are sent with the next one.
 */
export class Batcher<In, Out> {
  readonly #settings: BatcherSettings<In, Out>;
  readonly #action: string;
  readonly #soon: (send: () => void) => void;
  #queue: Waiting<In, Out>[] = [];
  #inFlight = 0;
  #scheduled = false;
  #reported = 0;

  constructor(settings: BatcherSettings<In, Out>) {
    this.#settings = settings;
    // With one item a request there is nothing to batch, and no reason to wait.
    this.#soon = settings.size === 1 ? (send) => send() : settings.soon ?? afterThisTurn;
    this.#action = `${settings.verb} with provider "${settings.provider}"`;
  }

  /**
   * The outcome of one item.
   *
   * @throws {KmsError} `deadline_exceeded` or `cancelled` as soon as `signal` is aborted, queued or in flight;
   *   otherwise the item's error from the request.
   */
  call(item: In, signal: AbortSignal): Promise<Out> {
    if (signal.aborted) return Promise.reject(abortError(signal, this.#action));
    return new Promise<Out>((resolve, reject) => {
      const onAbort = () => {
        this.#cancel(waiting);
        reject(abortError(signal, this.#action));
      };
      const settle = (outcome: Out | KmsError) => {
        signal.removeEventListener("abort", onAbort);
        if (outcome instanceof KmsError) reject(outcome);
        else resolve(outcome);
      };
      const waiting: Waiting<In, Out> = { item, settle };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#queue.push(waiting);
      this.#schedule();
    });
  }

  /** Removes an item whose caller has gone from the queue, or notifies the request that contains it. */
  #cancel(waiting: Waiting<In, Out>): void {
    if (waiting.onCancel !== undefined) return waiting.onCancel();
    this.#queue = this.#queue.filter((other) => other !== waiting);
    this.#reportQueue();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    if (this.#inFlight >= this.#settings.inFlight) return this.#reportQueue();
    this.#scheduled = true;
    this.#soon(() => {
      this.#scheduled = false;
      this.#sendQueued();
    });
  }

  #sendQueued(): void {
    while (this.#inFlight < this.#settings.inFlight && this.#queue.length > 0) {
      const batch = this.#queue.splice(0, this.#nextSize());
      this.#inFlight++;
      void this.#sendBatch(batch).finally(() => {
        this.#inFlight--;
        if (this.#queue.length > 0) this.#schedule();
      });
    }
    this.#reportQueue();
  }

  /**
   * Number of items for the next request: an even share for each request that can be sent now, so that the responses
   * are spread over time.
   */
  #nextSize(): number {
    const { inFlight, size } = this.#settings;
    return Math.min(size, Math.max(minBatch, Math.ceil(this.#queue.length / (inFlight - this.#inFlight))));
  }

  /** Sends one batch and settles its items. It never throws. */
  async #sendBatch(batch: readonly Waiting<In, Out>[]): Promise<void> {
    const controller = new AbortController();
    let waiting = batch.length;
    for (const one of batch) {
      one.onCancel = () => {
        if (--waiting === 0) controller.abort();
      };
    }
    const { provider, verb, notify } = this.#settings;
    notify({ type: "batch", provider, verb, size: batch.length });
    const outcomes = await this.#send(batch.map((one) => one.item), controller.signal);
    batch.forEach((one, at) => one.settle(outcomes[at] as Out | KmsError));
  }

  async #send(items: readonly In[], signal: AbortSignal): Promise<readonly (Out | KmsError)[]> {
    try {
      const outcomes = await this.#settings.send(items, signal);
      if (outcomes.length === items.length) return outcomes;
      const message = `Cannot ${this.#action}: ${items.length} items got ${outcomes.length} answers.`;
      return items.map(() => new KmsError("provider_protocol", message));
    } catch (thrown) {
      const error = toKmsError(thrown);
      return items.map(() => error);
    }
  }

  #reportQueue(): void {
    const { provider, notify } = this.#settings;
    const waiting = this.#queue.length;
    if (waiting === this.#reported) return;
    this.#reported = waiting;
    notify({ type: "queue", provider, waiting });
  }
}
