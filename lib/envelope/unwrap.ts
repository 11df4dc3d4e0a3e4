/**
 * Unwraps a data key with any one of its wraps: the order of the providers, the hedged calls, the first result that fits.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { abandoned, abortError, isTimeout } from "../base/deadline.ts";
import { KmsError, toKmsError } from "../base/errors.ts";
import type { CallOptions, Provider, WrappedDek } from "../provider/provider.ts";
import { hedgeTimings, type Latencies } from "./latency.ts";
import type { Purpose } from "./purposes.ts";
import { untaggedDek } from "./seal.ts";
import type { Wrap } from "./wrap.ts";

/** Order of the providers. `fastest`: by typical latency. `roundrobin`: each first in turn. `ordered`: as configured. */
export type UnwrapStrategy = "fastest" | "roundrobin" | "ordered";

/** The part of a provider that a Decrypt needs. */
export interface Unwrapper {
  readonly name: string;
  /** The data key, 32 bytes; `undefined` if the KMS returned other bytes than a tagged data key. */
  unwrap(wrapped: WrappedDek, call: CallOptions): Promise<Uint8Array | undefined>;
}

/** An unwrapper that accepts only data keys with the tag of a purpose. */
export function dekUnwrapper(provider: Pick<Provider, "name" | "unwrap">, purpose: Purpose): Unwrapper {
  return {
    name: provider.name,
    unwrap: async (wrapped, call) => untaggedDek(await provider.unwrap(wrapped, call), purpose),
  };
}

/** A wrap and the provider that can unwrap it. The provider may have had another name when it wrapped. */
export interface Holder {
  readonly provider: Unwrapper;
  readonly wrap: Wrap;
  /** Whether the provider's last calls failed: then it comes last. */
  readonly sick: boolean;
}

/**
 * The configured providers that can unwrap a data key, by the names of its wraps.
 *
 * @param named providers under each of their names.
 * @param wrapOnly names of configured providers that only wrap: the error says which of them wrapped it.
 * @throws {KmsError} `key_unknown` if no provider that wrapped it and can unwrap is configured.
 */
export function holdersOf(
  wraps: readonly Wrap[],
  named: ReadonlyMap<string, Unwrapper>,
  isSick: (name: string) => boolean,
  wrapOnly: ReadonlySet<string> = new Set(),
): Holder[] {
  const holders = wraps.flatMap((wrap): Holder[] => {
    const provider = named.get(wrap.name);
    return provider ? [{ provider, wrap, sick: isSick(provider.name) }] : [];
  });
  if (holders.length > 0) return holders;
  throw new KmsError("key_unknown", noHolder(wraps.map(({ name }) => name), wrapOnly));
}

function noHolder(wrapped: readonly string[], wrapOnly: ReadonlySet<string>): string {
  const names = quoted(wrapped);
  const recovery = wrapped.filter((name) => wrapOnly.has(name));
  if (recovery.length === 0) return `Cannot decrypt: no provider is configured that wrapped this data key (${names}).`;
  return `Cannot decrypt: no provider is configured that can unwrap this data key (${names}); give a private key of ` +
    `${quoted(recovery)} with --recovery-key.`;
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ");
}

/** A data key that opens the seed, and its provider. */
export interface Unwrapped {
  readonly dek: Uint8Array;
  readonly holder: Holder;
  /** Providers whose data key did not open the seed. */
  readonly mismatched: readonly string[];
}

const start: {
  readonly [Strategy in UnwrapStrategy]: (holders: readonly Holder[], turn: number, latencies: Latencies) => Holder[];
} = {
  fastest: (holders, _turn, latencies) =>
    holders.toSorted((a, b) => latencies.typical(a.provider.name) - latencies.typical(b.provider.name)),
  roundrobin: (holders, turn) =>
    holders.map((_, i) => holders[(i + turn) % holders.length]).filter((h) => h !== undefined),
  ordered: (holders) => [...holders],
};

/**
 * The holders in the order of the strategy; those that are sick come last.
 *
 * @param turn a number that grows with each call, for `roundrobin`.
 */
export function inOrder(
  holders: readonly Holder[],
  strategy: UnwrapStrategy,
  turn: number,
  latencies: Latencies,
): Holder[] {
  // One holder needs no order, which would sort its latencies.
  if (holders.length === 1) return [...holders];
  const ordered = start[strategy](holders, turn, latencies);
  return [...ordered.filter(({ sick }) => !sick), ...ordered.filter(({ sick }) => sick)];
}

/** Options of {@linkcode unwrapFirst}. */
export interface UnwrapCall extends CallOptions {
  readonly clock: Clock;
  readonly strategy: UnwrapStrategy;
  readonly latencies: Latencies;
  /** Whether a data key opens the seed. */
  readonly fits: (dek: Uint8Array) => boolean;
}

/**
 * Calls the holders one after the other: the next one as soon as the last has failed or takes longer than it usually
 * does. The first data key that opens the seed is the result, and the other calls are aborted.
 *
 * @param holders at least one, in the order of the calls.
 * @throws {KmsError} of a single holder its error; of several `quorum_not_reached` with the error of each: `integrity` of
 *   a holder whose data key does not open the seed.
 */
export function unwrapFirst(holders: readonly Holder[], call: UnwrapCall): Promise<Unwrapped> {
  const [only] = holders;
  return only && holders.length === 1 ? unwrapOnly(only, call) : new UnwrapRace(holders, call).run();
}

/** One holder needs no race. */
async function unwrapOnly(holder: Holder, call: UnwrapCall): Promise<Unwrapped> {
  const dek = await ask(holder, call, call.signal);
  if (dek && call.fits(dek)) return { dek, holder, mismatched: [] };
  throw doesNotFit(holder.provider.name);
}

async function ask(
  { provider, wrap }: Holder,
  call: UnwrapCall,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const { clock, latencies } = call;
  const startedAt = clock.now();
  const { version, ciphertext } = wrap;
  const dek = await provider.unwrap({ version, ciphertext }, { signal, left: () => call.left?.() });
  latencies.note(provider.name, clock.now() - startedAt);
  return dek;
}

function doesNotFit(name: string): KmsError {
  return new KmsError("integrity", `Cannot decrypt: the data key of provider "${name}" does not fit.`);
}

class UnwrapRace {
  readonly #holders: readonly Holder[];
  readonly #call: UnwrapCall;
  readonly #over = new AbortController();
  /** One for each holder that has failed; two of them may be the same provider. */
  readonly #errors: KmsError[] = [];
  readonly #wrong: string[] = [];
  readonly #outcome = Promise.withResolvers<Unwrapped>();
  #asked = 0;

  constructor(holders: readonly Holder[], call: UnwrapCall) {
    this.#holders = holders;
    this.#call = call;
  }

  async run(): Promise<Unwrapped> {
    const { signal } = this.#call;
    const onAbort = () => {
      this.#over.abort(signal.reason);
      // The aborted calls have this iteration of the event loop to report the servers that did not answer.
      setImmediate(() => this.#outcome.reject(tooLate(signal, this.#errors)));
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort);
    this.#askNext();
    try {
      return await this.#outcome.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#over.abort(abandoned);
    }
  }

  #askNext(): void {
    const holder = this.#holders[this.#asked];
    if (!holder || this.#over.signal.aborted) return;
    const place = ++this.#asked;
    ask(holder, this.#call, this.#over.signal).then(
      (dek) => this.#succeeded(holder, dek, place),
      (thrown) => this.#failed(toKmsError(thrown), place),
    );
    this.#hedge(holder, place);
  }

  /** Calls the next holder, unless the holder after `place` has been called. */
  #askAfter(place: number): void {
    if (this.#asked === place) this.#askNext();
  }

  async #hedge({ provider: { name } }: Holder, place: number): Promise<void> {
    const { clock, latencies, strategy } = this.#call;
    const ms = strategy === "fastest" ? latencies.hedge(name) : hedgeTimings.max;
    await clock.sleep(ms, this.#over.signal);
    this.#askAfter(place);
  }

  #succeeded(holder: Holder, dek: Uint8Array | undefined, place: number): void {
    if (this.#over.signal.aborted) return void dek?.fill(0);
    const { name } = holder.provider;
    if (dek && this.#call.fits(dek)) {
      this.#outcome.resolve({ dek, holder, mismatched: [...this.#wrong] });
      this.#over.abort(abandoned);
      return;
    }
    this.#wrong.push(name);
    this.#failed(doesNotFit(name), place);
  }

  #failed(error: KmsError, place: number): void {
    this.#errors.push(error);
    if (this.#over.signal.aborted) return;
    if (this.#errors.length === this.#holders.length) this.#outcome.reject(noneCould(this.#errors));
    else this.#askAfter(place);
  }
}

/** The error of a race that was aborted, with the errors of its calls. */
function tooLate(signal: AbortSignal, members: readonly KmsError[]): KmsError {
  if (!isTimeout(signal) || members.length === 0) return abortError(signal, "unwrap a data key");
  const reasons = members.map(({ message }) => message).join(" ");
  return new KmsError("deadline_exceeded", `Cannot unwrap a data key within the deadline. ${reasons}`, { members });
}

function noneCould(members: readonly KmsError[]): KmsError {
  const reasons = members.map(({ message }) => message).join(" ");
  return new KmsError("quorum_not_reached", `Cannot unwrap: no provider could. ${reasons}`, { members });
}
