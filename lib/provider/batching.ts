/**
 * Calls that come together travel together: a bounded number of requests in flight, the rest queued behind them.
 *
 * @module
 */
import { abortError } from "../base/deadline.ts";
import { KmsError, toKmsError } from "../base/errors.ts";
import type { Notify, ProviderVerb } from "../telemetry/events.ts";

/** How a {@linkcode Batcher} sends, and how much at once. */
export interface BatcherSettings<In, Out> {
  /** The provider's name, for events and messages. */
  readonly provider: string;
  readonly verb: ProviderVerb;
  /** How many requests may be under way, at least 1. */
  readonly inFlight: number;
  /** How many items one request may carry, at least 1. */
  readonly size: number;
  /**
   * Sends one request. It answers with one outcome for each item, in their order; a KmsError is that item's alone. What
   * it throws is the outcome of them all. The signal fires when nobody waits for any of the items any more.
   */
  readonly send: (items: readonly In[], signal: AbortSignal) => Promise<readonly (Out | KmsError)[]>;
  readonly notify: Notify;
  /** Does something when the calls that have arrived by now are queued: {@linkcode afterThisTurn} if left out. */
  readonly soon?: (send: () => void) => void;
}

/** As soon as what the event loop has read by now is dealt with: no timer is waited for. */
export function afterThisTurn(work: () => void): void {
  setImmediate(work);
}

// A request costs as much as several items do: so few are not spread over two.
const minShare = 32;

interface Waiting<In, Out> {
  readonly item: In;
  /** Gives the outcome to the caller, who may be gone already: then nothing happens. */
  readonly settle: (outcome: Out | KmsError) => void;
  /** Set while a request carries this item: tells it that one of its callers has gone. */
  onGone?: () => void;
}

/**
 * Merges concurrent calls into batches without ever waiting for company: a lone call goes out in the turn of the event
 * loop in which it came. What comes in that same turn goes with it: a client's calls arrive many in one read, and the
 * first of them alone would take up a request. What arrives while all requests are in flight travels with the next one.
 */
export class Batcher<In, Out> {
  readonly #settings: BatcherSettings<In, Out>;
  readonly #action: string;
  readonly #soon: (send: () => void) => void;
  #queue: Waiting<In, Out>[] = [];
  #inFlight = 0;
  #gathering = false;
  #told = 0;

  constructor(settings: BatcherSettings<In, Out>) {
    this.#settings = settings;
    // Where each item is a request of its own there is nobody to gather.
    this.#soon = settings.size === 1 ? (send) => send() : settings.soon ?? afterThisTurn;
    this.#action = `${settings.verb} with provider "${settings.provider}"`;
  }

  /**
   * The outcome of one item.
   *
   * @throws {KmsError} `deadline_exceeded` or `cancelled` as soon as `signal` fires, queued or in flight; else what the
   *   request said.
   */
  call(item: In, signal: AbortSignal): Promise<Out> {
    if (signal.aborted) return Promise.reject(abortError(signal, this.#action));
    return new Promise<Out>((resolve, reject) => {
      const onAbort = () => {
        this.#leave(waiting);
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
      this.#gather();
    });
  }

  /** Takes an item whose caller has gone out of the queue, or tells the request that carries it. */
  #leave(waiting: Waiting<In, Out>): void {
    if (waiting.onGone !== undefined) return waiting.onGone();
    this.#queue = this.#queue.filter((other) => other !== waiting);
    this.#tellQueue();
  }

  #gather(): void {
    if (this.#gathering) return;
    if (this.#inFlight >= this.#settings.inFlight) return this.#tellQueue();
    this.#gathering = true;
    this.#soon(() => {
      this.#gathering = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#inFlight < this.#settings.inFlight && this.#queue.length > 0) {
      const batch = this.#queue.splice(0, this.#share());
      this.#inFlight++;
      void this.#carry(batch).finally(() => {
        this.#inFlight--;
        if (this.#queue.length > 0) this.#gather();
      });
    }
    this.#tellQueue();
  }

  /** An even share for each request that may go out now, so that not all answers come at once and then none. */
  #share(): number {
    const { inFlight, size } = this.#settings;
    return Math.min(size, Math.max(minShare, Math.ceil(this.#queue.length / (inFlight - this.#inFlight))));
  }

  /** Sends one batch and hands out its outcomes. It never throws. */
  async #carry(batch: readonly Waiting<In, Out>[]): Promise<void> {
    const controller = new AbortController();
    let waiting = batch.length;
    for (const one of batch) {
      one.onGone = () => {
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

  #tellQueue(): void {
    const { provider, notify } = this.#settings;
    const waiting = this.#queue.length;
    if (waiting === this.#told) return;
    this.#told = waiting;
    notify({ type: "queue", provider, waiting });
  }
}
