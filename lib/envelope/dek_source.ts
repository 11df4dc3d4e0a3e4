/**
 * Where a decrypt gets its data key: from memory, from a call that is under way, or from a provider.
 *
 * @module
 */
import { type Clock, deadlineBy } from "../clock.ts";
import { type After, coarse, noLongerWanted, orAborted, timeoutReason } from "../deadline.ts";
import { effectiveCode, type KmsError, toKmsError } from "../errors.ts";
import type { CacheResult } from "../events.ts";
import type { CallOptions } from "../provider/provider.ts";
import type { Latencies } from "./latency.ts";
import { type Holder, inOrder, unwrapFirst, type UnwrapStrategy } from "./unwrap.ts";
import type { CachedDek, UnwrapCache } from "./unwrap_cache.ts";
import { areSameWraps, foreignBytes, ownWraps, type Wrap } from "./wrap.ts";

/** Milliseconds. `revalidate` bounds the wait of a decrypt that has a cached key to fall back on. */
const timings = { revalidate: 1_000, askAgain: 10_000, confirmDenial: 10_000, flight: 10_000, tick: 250 } as const;

/** What a source is made of. */
export interface DekSourceOptions {
  readonly cache: UnwrapCache;
  readonly clock: Clock;
  readonly strategy: UnwrapStrategy;
  readonly latencies: Latencies;
  /** When a provider last answered well, in milliseconds since the epoch. */
  readonly lastGoodAt: (name: string) => number | undefined;
  /** Told of a provider whose data key did not fit while another provider's did. */
  readonly onLiar: (name: string) => void;
}

/** A decrypt's need. */
export interface DekRequest {
  /** The reference in hexadecimal. */
  readonly reference: string;
  /** Who can unwrap it, at least one; asked for only where somebody has to. */
  readonly holders: () => readonly Holder[];
  /** What the reference is the hash of, where it will be handed in often: see {@linkcode DekSource.knows}. */
  readonly wraps?: readonly Wrap[];
  /** Opens the sealed seed; `undefined` where the data key does not fit. */
  readonly open: (dek: Uint8Array) => Uint8Array | undefined;
  /** Its signal is asked for only where a wait begins: a gRPC call makes one at a price. */
  readonly call: CallOptions;
}

/** The opened seed, and whose data key it was. */
export interface Found {
  readonly seed: Uint8Array;
  readonly cache: CacheResult;
  readonly holders: readonly { readonly name: string; readonly version: string }[];
  /** Whether this process made the data key. */
  readonly own: boolean;
}

interface Flight {
  readonly entry: Promise<CachedDek>;
  readonly abort: AbortController;
  /** The calls that wait for it. */
  readonly waiting: Set<CallOptions>;
}

/** One for the whole plugin. */
export class DekSource implements Disposable {
  readonly #options: DekSourceOptions;
  readonly #flights = new Map<string, Flight>();
  readonly #after: After;
  #turn = 0;

  constructor(options: DekSourceOptions) {
    this.#options = options;
    const { clock } = options;
    this.#after = coarse((ms, fire) => clock.after(ms, fire), timings.tick, () => clock.now());
  }

  /** Keeps the data key of something that this node has sealed itself; the cache owns `dek` from now on. */
  remember(reference: string, dek: Uint8Array, wraps: readonly Wrap[]): void {
    const holders = wraps.map(({ name, version }) => ({ name, version }));
    this.#options.cache.put(reference, { dek, holders, wraps: ownWraps(wraps), own: true });
  }

  /** Whether these are the wraps of a data key that is in memory under `reference`: then they need not be hashed again. */
  knows(reference: string, wraps: readonly Wrap[]): boolean {
    const known = this.#options.cache.peek(reference)?.wraps;
    return known !== undefined && areSameWraps(known, wraps);
  }

  /**
   * Opens a sealed seed.
   *
   * @throws {KmsError} `integrity` if the right data key does not open it; a provider's error; `deadline_exceeded`.
   */
  async open(request: DekRequest): Promise<Found> {
    const entry = this.#options.cache.get(request.reference);
    if (!entry) return await this.#ask({ ...request, open: openingOnce(request.open) });
    if (this.#options.cache.isFresh(entry)) return openWith(entry, request, "hit");
    return await this.#askAgain(entry, request);
  }

  async #ask(request: DekRequest): Promise<Found> {
    const joined = this.#flights.get(request.reference);
    if (!joined) return await this.#board(this.#takeOff(request), request, "miss");
    try {
      return await this.#board(joined, request, "shared");
    } catch (thrown) {
      // The envelope that the call was made for may have been tampered with: that is no verdict on this one.
      if (effectiveCode(toKmsError(thrown)) !== "integrity") throw thrown;
      return await this.#board(this.#takeOff(request), request, "miss");
    }
  }

  /** Waits for a flight; when the last one who waits gives up, the remote call is given up too. */
  async #board(flight: Flight, request: DekRequest, cache: CacheResult): Promise<Found> {
    const { call } = request;
    const { signal } = call;
    flight.waiting.add(call);
    try {
      return openWith(await orAborted(flight.entry, signal, "unwrap a data key"), request, cache);
    } catch (thrown) {
      if (!signal.aborted || flight.waiting.size > 1) throw thrown;
      // A call that comes in the same turn of the event loop would get this call's error.
      this.#forget(request.reference, flight);
      flight.abort.abort(signal.reason);
      // It may still name the server that was silent.
      return openWith(await orAborted(flight.entry, signal, "unwrap a data key", "after this turn"), request, cache);
    } finally {
      flight.waiting.delete(call);
    }
  }

  #takeOff(request: DekRequest): Flight {
    const abort = new AbortController();
    const callOff = this.#after(timings.flight, () => abort.abort(timeoutReason()));
    const waiting = new Set<CallOptions>([request.call]);
    const { clock } = this.#options;
    const end = clock.now() + timings.flight;
    const call = { signal: abort.signal, left: () => longestLeft(waiting, end - clock.now()) };
    const flight: Flight = { entry: this.#unwrap(request, call), abort, waiting };
    this.#flights.set(request.reference, flight);
    const land = () => {
      callOff();
      this.#forget(request.reference, flight);
    };
    flight.entry.then(land, land);
    return flight;
  }

  #forget(reference: string, flight: Flight): void {
    if (this.#flights.get(reference) === flight) this.#flights.delete(reference);
  }

  async #unwrap({ reference, wraps, open, ...request }: DekRequest, call: CallOptions): Promise<CachedDek> {
    const { cache, clock, strategy, latencies, onLiar } = this.#options;
    const asked = request.holders();
    const ordered = inOrder(asked, strategy, this.#turn++, latencies);
    const fits = (dek: Uint8Array) => open(dek) !== undefined;
    const { dek, liars } = await unwrapFirst(ordered, { ...call, clock, strategy, latencies, fits });
    liars.forEach(onLiar);
    const holders = asked.map(({ provider: { name }, wrap: { version } }) => ({ name, version }));
    const own = cache.peek(reference)?.own ?? false;
    return cache.put(reference, { dek, holders, own, ...(wraps && { wraps: ownWraps(wraps) }) });
  }

  async #askAgain(entry: CachedDek, request: DekRequest): Promise<Found> {
    const { clock } = this.#options;
    const mayServeOn = this.#mayServeOn(entry);
    if (mayServeOn && clock.now() < entry.askAgainAt) return openWith(entry, request, "stale");
    try {
      if (!mayServeOn) return await this.#ask(request);
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
      if (!this.#mayServeOn(entry)) throw error;
      entry.askAgainAt = clock.now() + timings.askAgain;
      return openWith(entry, request, "stale");
    }
  }

  #mayServeOn(entry: CachedDek): boolean {
    const last = entry.holders.map(({ name }) => this.#options.lastGoodAt(name) ?? -Infinity);
    return this.#options.cache.mayServeOn(entry, Math.max(...last));
  }

  /**
   * Whether every provider that holds the data key has said no: `key_unusable` at once, `permission_denied` when it is
   * said again 10 s later, since a fresh login may have been under way.
   */
  #isConfirmedRefusal(entry: CachedDek, error: KmsError): boolean {
    // The members of a deadline's error are those that answered before it, and not all holders.
    const codes = (error.code === "quorum_not_reached" ? error.members : [error]).map(effectiveCode);
    if (!codes.every((code) => code === "key_unusable" || code === "permission_denied")) return false;
    if (codes.every((code) => code === "key_unusable")) return true;
    const now = this.#options.clock.now();
    entry.deniedAt ??= now;
    return now - entry.deniedAt >= timings.confirmDenial;
  }

  [Symbol.dispose](): void {
    for (const { abort } of this.#flights.values()) abort.abort(noLongerWanted);
    this.#options.cache[Symbol.dispose]();
  }
}

/** Milliseconds until the last of these calls ends, `most` at most; `undefined` where no deadline is known. */
function longestLeft(calls: ReadonlySet<CallOptions>, most: number): number | undefined {
  const known = [...calls].map((call) => call.left?.()).filter((left) => left !== undefined);
  return known.length === 0 ? undefined : Math.min(most, Math.max(...known));
}

/** A data key is tried when it comes and used when it is kept: the second time the answer is there already. */
function openingOnce(open: DekRequest["open"]): DekRequest["open"] {
  let last: { readonly dek: Uint8Array; readonly seed: Uint8Array | undefined } | undefined;
  return (dek) => {
    if (last?.dek !== dek) last = { dek, seed: open(dek) };
    return last.seed;
  };
}

function openWith({ dek, holders, own }: CachedDek, { open }: DekRequest, cache: CacheResult): Found {
  const seed = open(dek);
  if (!seed) throw foreignBytes("the sealed seed does not open");
  return { seed, cache, holders, own };
}
