/**
 * One of several wraps is enough: which provider is asked first, when the next one, and whose answer counts.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { abortError, isTimeout, noLongerWanted } from "../deadline.ts";
import { KmsError, toKmsError } from "../errors.ts";
import type { CallOptions, Provider, WrappedDek } from "../provider/provider.ts";
import { hedgeTimings, type Latencies } from "./latency.ts";
import { type DekDomain, untaggedDek } from "./seal.ts";
import type { Wrap } from "./wrap.ts";

/** `fastest`: the quickest first. `roundrobin`: each in turn. `ordered`: as configured. */
export type UnwrapStrategy = "fastest" | "roundrobin" | "ordered";

/** The part of a provider that a decrypt needs. */
export interface Unwrapper {
  readonly name: string;
  /** The data key, `undefined` where the KMS gave back something that is none. It ends with its call's signal. */
  unwrap(wrapped: WrappedDek, call: CallOptions): Promise<Uint8Array | undefined>;
}

/** A provider whose answers count only behind our domain tag for what the data key is for. */
export function dekUnwrapper(provider: Pick<Provider, "name" | "unwrap">, domain: DekDomain = "kms"): Unwrapper {
  return {
    name: provider.name,
    unwrap: async (wrapped, call) => untaggedDek(await provider.unwrap(wrapped, call), domain),
  };
}

/** A wrap and the provider that can open it, which may have had another name when it was made. */
export interface Holder {
  readonly provider: Unwrapper;
  readonly wrap: Wrap;
  /** Whether its last calls failed: it is asked last. */
  readonly sick: boolean;
}

/**
 * Who can open a data key, by the names of its wraps.
 *
 * @param named providers under each of their names.
 * @throws {KmsError} `key_unknown` if nobody of them is configured.
 */
export function holdersOf(
  wraps: readonly Wrap[],
  named: ReadonlyMap<string, Unwrapper>,
  isSick: (name: string) => boolean,
): Holder[] {
  const holders = wraps.flatMap((wrap): Holder[] => {
    const provider = named.get(wrap.name);
    return provider ? [{ provider, wrap, sick: isSick(provider.name) }] : [];
  });
  if (holders.length > 0) return holders;
  const names = wraps.map(({ name }) => `"${name}"`).join(", ");
  throw new KmsError("key_unknown", `Cannot decrypt: no provider is configured that wrapped this data key (${names}).`);
}

/** A data key that fits, and whose it was. */
export interface Unwrapped {
  readonly dek: Uint8Array;
  readonly holder: Holder;
  /** Providers that gave a data key which does not fit, while another one's did. */
  readonly liars: readonly string[];
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

/** The order in which holders are asked; those that are sick come last. */
export function inOrder(
  holders: readonly Holder[],
  strategy: UnwrapStrategy,
  turn: number,
  latencies: Latencies,
): Holder[] {
  const ordered = start[strategy](holders, turn, latencies);
  return [...ordered.filter(({ sick }) => !sick), ...ordered.filter(({ sick }) => sick)];
}

/** What a race needs to know. */
export interface UnwrapCall extends CallOptions {
  readonly clock: Clock;
  readonly strategy: UnwrapStrategy;
  readonly latencies: Latencies;
  /** Whether a data key opens the sealed seed. */
  readonly fits: (dek: Uint8Array) => boolean;
}

/**
 * Asks the holders one after the other, the next one when the last has failed or has taken longer than it usually does;
 * the first data key that opens the seed wins and the other calls are cancelled.
 *
 * @param holders in the order to be asked, at least one.
 * @throws {KmsError} the only holder's error, where it is the only one; `quorum_not_reached` with what each holder said:
 *   `integrity` of one whose data key does not fit.
 */
export function unwrapFirst(holders: readonly Holder[], call: UnwrapCall): Promise<Unwrapped> {
  const [only] = holders;
  return only && holders.length === 1 ? unwrapOnly(only, call) : new UnwrapRace(holders, call).run();
}

/** With one holder there is nobody to race against. */
async function unwrapOnly(holder: Holder, call: UnwrapCall): Promise<Unwrapped> {
  const dek = await ask(holder, call, call.signal);
  if (dek && call.fits(dek)) return { dek, holder, liars: [] };
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
      // The calls have this turn of the event loop to name the servers that were silent.
      setImmediate(() => this.#outcome.reject(tooLate(signal, this.#errors)));
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort);
    this.#askNext();
    try {
      return await this.#outcome.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#over.abort(noLongerWanted);
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

  /** Asks the next holder unless the one after `place` has been asked. */
  #askAfter(place: number): void {
    if (this.#asked === place) this.#askNext();
  }

  async #hedge({ provider: { name } }: Holder, place: number): Promise<void> {
    const { clock, latencies, strategy } = this.#call;
    const ms = strategy === "fastest" ? latencies.hedge(name) : hedgeTimings.most;
    await clock.sleep(ms, this.#over.signal);
    this.#askAfter(place);
  }

  #succeeded(holder: Holder, dek: Uint8Array | undefined, place: number): void {
    if (this.#over.signal.aborted) return void dek?.fill(0);
    const { name } = holder.provider;
    if (dek && this.#call.fits(dek)) {
      this.#outcome.resolve({ dek, holder, liars: [...this.#wrong] });
      this.#over.abort(noLongerWanted);
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

/** The error of a race whose time ran out or whose caller left, with the errors of its calls. */
function tooLate(signal: AbortSignal, members: readonly KmsError[]): KmsError {
  if (!isTimeout(signal) || members.length === 0) return abortError(signal, "unwrap a data key");
  const reasons = members.map(({ message }) => message).join(" ");
  return new KmsError("deadline_exceeded", `Cannot unwrap a data key within the deadline. ${reasons}`, { members });
}

function noneCould(members: readonly KmsError[]): KmsError {
  const reasons = members.map(({ message }) => message).join(" ");
  return new KmsError("quorum_not_reached", `Cannot unwrap: no provider could. ${reasons}`, { members });
}
