/**
 * Gets the data key for a Decrypt: from the cache, from an unwrap in flight, or from a provider.
 *
 * @module
 */
import { type Clock, deadlineBy } from "../base/clock.ts";
import { abandoned, coalescedTimers, orAborted, type SetTimer, timeoutReason } from "../base/deadline.ts";
import { effectiveCode, type KmsError, toKmsError } from "../base/errors.ts";
import type { CacheResult } from "../telemetry/events.ts";
import type { CallOptions } from "../provider/provider.ts";
import type { Latencies } from "./latency.ts";
import { type Holder, inOrder, unwrapFirst, type UnwrapStrategy } from "./unwrap.ts";
import type { CachedDek, UnwrapCache } from "./unwrap_cache.ts";
import { areSameWraps, foreignBytes, ownWraps, type Wrap } from "./wrap.ts";

/**
 * Milliseconds. `revalidate`: the longest wait of a Decrypt that can fall back on a stale data key. `askAgain`: the pause
 * after a failed revalidation. `confirmDenial`: see `#isConfirmedRefusal`. `unwrap`: the deadline of an unwrap in flight,
 * kept to within `tick`.
 */
const timings = { revalidate: 1_000, askAgain: 10_000, confirmDenial: 10_000, unwrap: 10_000, tick: 250 } as const;

/** Options of a {@linkcode DekResolver}. */
export interface DekResolverOptions {
  readonly cache: UnwrapCache;
  readonly clock: Clock;
  readonly strategy: UnwrapStrategy;
  readonly latencies: Latencies;
  /** When a call to a provider last succeeded, as a moment of `Clock.now`. */
  readonly lastGoodAt: (name: string) => number | undefined;
  /** Called for a provider whose data key was the wrong one while another provider's opened the seed. */
  readonly onMismatch: (name: string) => void;
}

/** A Decrypt that needs a data key. */
export interface DekRequest {
  /** The reference in hexadecimal, by which the data key is cached. */
  readonly reference: string;
  /** The providers that can unwrap it, at least one. Called only if the data key is not cached. */
  readonly holders: () => readonly Holder[];
  /** The wraps that the reference is the hash of; cached if given: see {@linkcode DekResolver.knows}. */
  readonly wraps?: readonly Wrap[];
  /** Opens the sealed seed; `undefined` if the data key is the wrong one. */
  readonly open: (dek: Uint8Array) => Uint8Array | undefined;
  /**
   * A name for the sealed seed that no other one has, for instance its hash: then the opened seed is kept with the data
   * key, for as long, and a copy of it answers the next request with this name.
   */
  readonly keepAs?: string;
  /** Its signal is read only before a wait: a gRPC call creates its AbortController at the first read. */
  readonly call: CallOptions;
}

/** The opened seed and the providers that hold its data key. */
export interface OpenedSeed {
  readonly seed: Uint8Array;
  readonly cache: CacheResult;
  readonly holders: readonly { readonly name: string; readonly version: string }[];
  /** Whether this process made the data key. */
  readonly own: boolean;
}

interface InFlightUnwrap {
  readonly entry: Promise<CachedDek>;
  readonly abort: AbortController;
  /** The calls that wait for the result. */
  readonly waiting: Set<CallOptions>;
}

/** Resolves the data keys of one group of providers. */
export class DekResolver implements Disposable {
  readonly #options: DekResolverOptions;
  readonly #inFlight = new Map<string, InFlightUnwrap>();
  readonly #after: SetTimer;
  #turn = 0;

  constructor(options: DekResolverOptions) {
    this.#options = options;
    const { clock } = options;
    this.#after = coalescedTimers((ms, fire) => clock.after(ms, fire), timings.tick, () => clock.now());
  }

  /**
   * Caches a data key that this process has made; the cache owns `dek` from now on.
   *
   * @param wraps all wraps, of which the reference is the hash.
   * @param holders those of the wraps that can be unwrapped.
   */
  remember(reference: string, dek: Uint8Array, wraps: readonly Wrap[], holders: CachedDek["holders"]): void {
    this.#options.cache.put(reference, { dek, holders, wraps: ownWraps(wraps), own: true });
  }

  /** Whether a cached data key has this reference and these wraps: then they need not be hashed again. */
  knows(reference: string, wraps: readonly Wrap[]): boolean {
    const known = this.#options.cache.peek(reference)?.wraps;
    return known !== undefined && areSameWraps(known, wraps);
  }

  /**
   * Opens a sealed seed.
   *
   * @throws {KmsError} `integrity` if the right data key does not open it; a provider's error; `deadline_exceeded`.
   */
  open(request: DekRequest): Promise<OpenedSeed> {
    const entry = this.#options.cache.get(request.reference);
    return entry === undefined
      ? this.#ask({ ...request, open: openingOnce(request.open) })
      : this.#openWithKnown(entry, request);
  }

  async #openWithKnown(entry: CachedDek, request: DekRequest): Promise<OpenedSeed> {
    if (this.#options.cache.isFresh(entry)) return openWith(entry, request, "hit");
    return await this.#revalidate(entry, request);
  }

  /**
   * Opens a sealed seed with a fresh cached data key, without a promise.
   *
   * @returns `undefined` if there is none; then {@linkcode DekResolver.open} has to ask a provider.
   * @throws {KmsError} `integrity` if the data key does not open it.
   */
  openCached(request: Pick<DekRequest, "reference" | "open">): OpenedSeed | undefined {
    const { cache, clock } = this.#options;
    const now = clock.now();
    const entry = cache.get(request.reference, now);
    return entry && cache.isFresh(entry, now) ? openWith(entry, request, "hit") : undefined;
  }

  #ask(request: DekRequest): Promise<OpenedSeed> {
    const joined = this.#inFlight.get(request.reference);
    return joined === undefined ? this.#join(this.#start(request), request, "miss") : this.#share(joined, request);
  }

  async #share(joined: InFlightUnwrap, request: DekRequest): Promise<OpenedSeed> {
    try {
      return await this.#join(joined, request, "shared");
    } catch (thrown) {
      // The unwrap was started for another envelope, which may have been tampered with: this one gets its own.
      if (effectiveCode(toKmsError(thrown)) !== "integrity") throw thrown;
      return await this.#join(this.#start(request), request, "miss");
    }
  }

  /** Waits for an unwrap in flight. When the last waiting call gives up, the unwrap is aborted. */
  async #join(inFlight: InFlightUnwrap, request: DekRequest, cache: CacheResult): Promise<OpenedSeed> {
    const { call } = request;
    const { signal } = call;
    inFlight.waiting.add(call);
    try {
      return openWith(await orAborted(inFlight.entry, signal, "unwrap a data key"), request, cache);
    } catch (thrown) {
      if (!signal.aborted || inFlight.waiting.size > 1) throw thrown;
      // A call in the same iteration of the event loop must not join the aborted unwrap.
      this.#forget(request.reference, inFlight);
      inFlight.abort.abort(signal.reason);
      // The aborted unwrap has this iteration of the event loop to report the server that did not answer.
      return openWith(await orAborted(inFlight.entry, signal, "unwrap a data key", "after this turn"), request, cache);
    } finally {
      inFlight.waiting.delete(call);
    }
  }

  #start(request: DekRequest): InFlightUnwrap {
    const abort = new AbortController();
    const stopTimer = this.#after(timings.unwrap, () => abort.abort(timeoutReason()));
    const waiting = new Set<CallOptions>([request.call]);
    const { clock } = this.#options;
    const end = clock.now() + timings.unwrap;
    const call = { signal: abort.signal, left: () => maxLeft(waiting, end - clock.now()) };
    const inFlight: InFlightUnwrap = { entry: this.#unwrap(request, call), abort, waiting };
    this.#inFlight.set(request.reference, inFlight);
    const settle = () => {
      stopTimer();
      this.#forget(request.reference, inFlight);
    };
    inFlight.entry.then(settle, settle);
    return inFlight;
  }

  #forget(reference: string, inFlight: InFlightUnwrap): void {
    if (this.#inFlight.get(reference) === inFlight) this.#inFlight.delete(reference);
  }

  async #unwrap({ reference, wraps, open, ...request }: DekRequest, call: CallOptions): Promise<CachedDek> {
    const { cache, clock, strategy, latencies, onMismatch } = this.#options;
    const candidates = request.holders();
    const ordered = inOrder(candidates, strategy, this.#turn++, latencies);
    const fits = (dek: Uint8Array) => open(dek) !== undefined;
    const { dek, mismatched } = await unwrapFirst(ordered, { ...call, clock, strategy, latencies, fits });
    mismatched.forEach(onMismatch);
    const holders = candidates.map(({ provider: { name }, wrap: { version } }) => ({ name, version }));
    const own = cache.peek(reference)?.own ?? false;
    return cache.put(reference, { dek, holders, own, ...(wraps && { wraps: ownWraps(wraps) }) });
  }

  async #revalidate(entry: CachedDek, request: DekRequest): Promise<OpenedSeed> {
    const { clock } = this.#options;
    const mayServeStale = this.#mayServeStale(entry);
    if (mayServeStale && clock.now() < entry.askAgainAt) return openWith(entry, request, "stale");
    try {
      if (!mayServeStale) return await this.#ask(request);
      using bound = deadlineBy(clock, timings.revalidate, request.call.signal);
      const left = () => Math.min(bound.left(), request.call.left?.() ?? Infinity);
      return await this.#ask({ ...request, call: { signal: bound.signal, left } });
    } catch (thrown) {
      const error = toKmsError(thrown);
      if (request.call.signal.aborted) throw error;
      if (this.#isConfirmedRefusal(entry, error)) {
        this.#options.cache.drop(request.reference, "refused");
        throw error;
      }
      if (!this.#mayServeStale(entry)) throw error;
      entry.askAgainAt = clock.now() + timings.askAgain;
      return openWith(entry, request, "stale");
    }
  }

  #mayServeStale(entry: CachedDek): boolean {
    const last = entry.holders.map(({ name }) => this.#options.lastGoodAt(name) ?? -Infinity);
    return this.#options.cache.mayServeStale(entry, Math.max(...last));
  }

  /**
   * Whether every holder of the data key has refused: `key_unusable` counts at once, `permission_denied` only if it is
   * repeated at least 10 s later, since a login or a policy may be in the middle of a change.
   */
  #isConfirmedRefusal(entry: CachedDek, error: KmsError): boolean {
    // The members of a `deadline_exceeded` error are the holders that answered in time, which need not be all.
    const codes = (error.code === "quorum_not_reached" ? error.members : [error]).map(effectiveCode);
    if (!codes.every((code) => code === "key_unusable" || code === "permission_denied")) return false;
    if (codes.every((code) => code === "key_unusable")) return true;
    const now = this.#options.clock.now();
    entry.deniedAt ??= now;
    return now - entry.deniedAt >= timings.confirmDenial;
  }

  [Symbol.dispose](): void {
    for (const { abort } of this.#inFlight.values()) abort.abort(abandoned);
    this.#options.cache[Symbol.dispose]();
  }
}

/** Milliseconds until the last deadline of these calls, at most `max`; `undefined` if none has a known deadline. */
function maxLeft(calls: ReadonlySet<CallOptions>, max: number): number | undefined {
  const known = [...calls].map((call) => call.left?.()).filter((left) => left !== undefined);
  return known.length === 0 ? undefined : Math.min(max, Math.max(...known));
}

/** Remembers the last result: a new data key is opened with twice, to check it and to answer. */
function openingOnce(open: DekRequest["open"]): DekRequest["open"] {
  let last: { readonly dek: Uint8Array; readonly seed: Uint8Array | undefined } | undefined;
  return (dek) => {
    if (last?.dek !== dek) last = { dek, seed: open(dek) };
    return last.seed;
  };
}

function openWith(
  { dek, holders, own, seeds }: CachedDek,
  { open, keepAs }: Pick<DekRequest, "open" | "keepAs">,
  cache: CacheResult,
): OpenedSeed {
  const kept = keepAs === undefined ? undefined : seeds.get(keepAs);
  if (kept) return { seed: kept.slice(), cache, holders, own };
  const seed = open(dek);
  if (!seed) throw foreignBytes("the sealed seed does not open");
  if (keepAs !== undefined) seeds.set(keepAs, seed.slice());
  return { seed, cache, holders, own };
}
