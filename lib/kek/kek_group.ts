/**
 * A group of providers that wrap and unwrap the data keys of one service: the operator's KMS keys with their health, the
 * wrap quorum and the unwrap cache.
 *
 * @module
 */
import { hex, sameBytes } from "../base/bytes.ts";
import { type Clock, WallTimes } from "../base/clock.ts";
import { abortError } from "../base/deadline.ts";
import { KmsError, toKmsError } from "../base/errors.ts";
import { DekResolver, type OpenedSeed } from "../envelope/dek_resolver.ts";
import { ForeignReader, type ForeignSource } from "../envelope/foreign.ts";
import { Latencies } from "../envelope/latency.ts";
import type { Purpose } from "../envelope/purposes.ts";
import { quorumSize, requireQuorum, type WrapQuorum } from "../envelope/quorum.ts";
import { dekUnwrapper, holdersOf, type Unwrapper, type UnwrapStrategy } from "../envelope/unwrap.ts";
import { UnwrapCache, type UnwrapCacheOptions } from "../envelope/unwrap_cache.ts";
import { foreignBytes, isReferenceTo, type Wrap } from "../envelope/wrap.ts";
import type { CallOptions, CheckedProvider, KeyState, Provider, Unwrappable } from "../provider/provider.ts";
import type { Notify } from "../telemetry/events.ts";
import { DecryptBoard, type DecryptBoardOptions } from "./decrypt_board.ts";
import { HealthBoard } from "./health.ts";
import { Prober } from "./prober.ts";
import { QuorumWatch } from "./quorum_watch.ts";
import { reportsHealth } from "./reporting.ts";
import { shownDecrypts, shownHealth } from "./shown.ts";
import type { KekGroupStatus, ProviderHealth, QuorumState } from "./status.ts";
import { UnwrapRetries } from "./unwrap_retries.ts";
import { fillOrder, type WrapOrder } from "./wrap_order.ts";

/** A provider and its former names, under which it may have wrapped. */
export interface NamedProvider {
  /** With the decorators of `decorate`. */
  readonly provider: CheckedProvider;
  readonly formerly: readonly string[];
}

/** How providers are probed. */
export interface ProbeOptions {
  /** `while_unwell`: a provider that is well is not probed, so that an idle service makes no remote calls. */
  readonly when: "always" | "while_unwell";
  /** Milliseconds between two probes of a provider that is well. */
  readonly intervalMs: number;
  /** Spreads the probes of several nodes: numbers from 0 to below 1, `Math.random` if left out. */
  readonly random?: () => number;
}

/** Options of a group. */
export interface KekGroupOptions {
  readonly providers: readonly NamedProvider[];
  /** Providers that only unwrap. They are never probed: see `UnwrapRetries`. */
  readonly retired: readonly NamedProvider[];
  /** How many of the providers that can unwrap are needed to wrap a data key; `none`: the group only unwraps. */
  readonly wrap: WrapQuorum | "none";
  readonly unwrap: UnwrapStrategy;
  readonly cache: UnwrapCacheOptions;
  readonly probes: ProbeOptions;
  readonly decrypts: Pick<DecryptBoardOptions, "canFail" | "onFailing">;
  readonly clock: Clock;
  readonly notify: Notify;
}

/** A data key to be unwrapped. */
export interface OpenRequest {
  readonly wraps: readonly Wrap[];
  /** 32 bytes: see `referenceTo`. */
  readonly reference: Uint8Array;
  readonly purpose: Purpose;
  /** Opens the data sealed under the data key; `undefined` if the data key is the wrong one. */
  readonly open: (dek: Uint8Array) => Uint8Array | undefined;
  /** See `DekRequest.keepAs`. */
  readonly keepAs?: string;
}

/** Receives the result of a successful probe; returns whether another probe has to confirm it soon. */
type OnState = (name: string, state: KeyState) => boolean;

/** See the module. One for each service. */
export class KekGroup implements AsyncDisposable {
  /** The providers that wrap, in the order of the configuration. */
  readonly providers: readonly Provider[];
  /** How many of them are needed to wrap a data key; 0 if the group only unwraps. */
  readonly needed: number;
  /** Counts the Decrypts of stored data. The service records each result. */
  readonly decrypts: DecryptBoard;
  readonly #options: KekGroupOptions;
  /** The providers that count in the quorum. */
  readonly #counted: readonly Provider[];
  readonly #retired: readonly Provider[];
  readonly #board: HealthBoard;
  readonly #quorum: QuorumWatch;
  readonly #prober: Prober;
  readonly #retries: UnwrapRetries;
  readonly #times: WallTimes;
  readonly #latencies = new Latencies();
  readonly #resolver: DekResolver;
  /** Providers that can unwrap, under each of their names; their unwraps are recorded on the board. */
  readonly #readers: ReadonlyMap<string, ReturnType<typeof reportsHealth>>;
  /** All names of providers that cannot unwrap. */
  readonly #wrapOnly: ReadonlySet<string>;
  readonly #unwrappers = new Map<Purpose, ReadonlyMap<string, Unwrapper>>();
  readonly #closing = new AbortController();
  #lastKey = { reference: new Uint8Array(0), key: "" };
  #onState: OnState | undefined;
  #probing: Promise<void> = Promise.resolve();

  constructor(options: KekGroupOptions) {
    const { clock, notify, wrap, probes } = options;
    this.#options = options;
    this.#times = new WallTimes(clock);
    this.providers = options.providers.map(({ provider }) => provider);
    this.#retired = options.retired.map(({ provider }) => provider);
    this.#counted = this.providers.filter(({ canUnwrap }) => canUnwrap);
    this.needed = wrap === "none" ? 0 : quorumSize(wrap, this.#counted.length);
    const probed = probes.when === "always" && wrap !== "none";
    this.#board = new HealthBoard(
      [
        ...this.providers.map(({ name, kind }) => ({ name, kind, probed })),
        ...this.#retired.map(({ name, kind }) => ({ name, kind, probed: false })),
      ],
      () => clock.now(),
      notify,
    );
    this.#quorum = new QuorumWatch(this.#board, this.#counted.map(({ name }) => name), this.needed, clock);
    this.#board.onChange((name) => this.#changed(name));
    this.decrypts = new DecryptBoard({ now: () => clock.now(), ...options.decrypts });
    const { intervalMs, random = Math.random } = probes;
    this.#retries = new UnwrapRetries(clock, this.#board, random);
    this.#prober = new Prober(clock, { intervalMs, random }, {
      answered: (name, state, begunAt) => this.#answered(name, state, begunAt),
      failed: (name, error) => this.#board.failed(name, "probe", error),
      rests: (name) => !probed && this.isWell(name),
    });
    this.#resolver = new DekResolver({
      ...this.#resolverParts(),
      cache: new UnwrapCache(options.cache, clock, notify),
      onMismatch: (name) => this.#board.failed(name, "unwrap", mismatch(name)),
    });
    const all = [...options.providers, ...options.retired];
    this.#readers = this.#readersOf(all.filter(({ provider }) => provider.canUnwrap));
    const wrapOnly = all.filter(({ provider }) => !provider.canUnwrap).flatMap(namesOf);
    // During a recovery another entry unwraps under the name of a provider that only wraps.
    this.#wrapOnly = new Set(wrapOnly.filter((name) => !this.#readers.has(name)));
  }

  /**
   * Starts the probes, unless the group only unwraps.
   *
   * @param onState called with the result of each successful probe.
   */
  start(onState?: OnState): void {
    this.#onState = onState;
    this.#probing = this.#prober.run(this.#probed, this.#closing.signal);
  }

  /** Whether a provider's last probes and calls succeeded. */
  isWell(name: string): boolean {
    return this.#board.of(name).state === "well";
  }

  /**
   * Has all members wrap a data key and records the results. One `ready_dek` event reports them.
   *
   * @throws {KmsError} as {@linkcode requireQuorum}; `cancelled` or `deadline_exceeded` if `signal` fired.
   */
  async wrap(order: WrapOrder, signal: AbortSignal): Promise<readonly Wrap[]> {
    const { clock, notify } = this.#options;
    const { members, needed, expected = members.map(({ provider: { name } }) => name) } = order;
    const startedAt = clock.now();
    const report = await fillOrder(order, clock, signal);
    // The providers did not fail: the caller did not wait for them.
    if (signal.aborted) throw abortError(signal, "wrap a data key");
    for (const { provider: { name } } of members) {
      const error = report.failures.get(name);
      if (error) this.#board.failed(name, "wrap", error);
      else this.#board.succeeded(name, "wrap", startedAt);
    }
    const wrapped = report.wraps.map(({ name }) => name);
    const missing = expected.filter((name) => !wrapped.includes(name));
    const event = { type: "ready_dek", wrapped, missing, seconds: (clock.now() - startedAt) / 1000 } as const;
    try {
      requireQuorum(report, needed);
    } catch (thrown) {
      const { code, message } = toKmsError(thrown);
      notify({ ...event, result: code, message });
      throw thrown;
    }
    notify({ ...event, result: "ok" });
    return report.wraps;
  }

  /**
   * Opens data sealed under a data key, with the cached data key or any provider that can unwrap it.
   *
   * @throws {KmsError} `integrity` if the wraps are not those of the reference, or if the right data key does not open it;
   *   `key_unknown` if no configured provider can unwrap it; a provider's error; `deadline_exceeded`.
   */
  open({ wraps, reference, purpose, ...seed }: OpenRequest, call: CallOptions): Promise<OpenedSeed> {
    const key = this.#keyOf(reference);
    if (!this.#resolver.knows(key, wraps) && !isReferenceTo(key, wraps)) {
      return Promise.reject(foreignBytes("the wraps are not those of the envelope"));
    }
    const holders = () => holdersOf(wraps, this.#unwrappersFor(purpose), (name) => this.#isSick(name), this.#wrapOnly);
    return this.#resolver.open({ reference: key, holders, wraps, ...seed, call });
  }

  /**
   * Opens data as {@linkcode KekGroup.open} does, with a cached data key and without a promise.
   *
   * @returns `undefined` if no fresh data key with these wraps is cached.
   * @throws {KmsError} `integrity` if the data key does not open it.
   */
  openCached({ wraps, reference, open }: Omit<OpenRequest, "purpose">): OpenedSeed | undefined {
    const key = this.#keyOf(reference);
    return this.#resolver.knows(key, wraps) ? this.#resolver.openCached({ reference: key, open }) : undefined;
  }

  /**
   * The kinds of the configured providers that can unwrap one of these wraps. It asks none of them.
   *
   * @throws {KmsError} `key_unknown` if there is none.
   */
  unwrapperKinds(wraps: readonly Wrap[], purpose: Purpose): readonly string[] {
    const { providers, retired } = this.#options;
    const holders = holdersOf(wraps, this.#unwrappersFor(purpose), () => false, this.#wrapOnly);
    const names = new Set(holders.map(({ wrap }) => wrap.name));
    return [...providers, ...retired].filter((named) => namesOf(named).some((name) => names.has(name)))
      .map(({ provider }) => provider.kind);
  }

  /** Caches a data key that this process has made; the group owns `dek` from now on. */
  remember(dek: Uint8Array, reference: Uint8Array, wraps: readonly Wrap[]): void {
    const holders = wraps.filter(({ name }) => this.#readers.has(name));
    this.#resolver.remember(hex(reference), dek, wraps, holders.map(({ name, version }) => ({ name, version })));
  }

  /** The provider that can unwrap wraps with a name. */
  unwrapperOf(name: string, purpose: Purpose): Unwrapper | undefined {
    return this.#unwrappersFor(purpose).get(name);
  }

  /** A reader of other plugins' data with the providers of this group. The caller disposes of it. */
  foreignReader(sources: readonly ForeignSource[]): ForeignReader {
    const { cache, notify } = this.#options;
    return new ForeignReader({
      ...this.#resolverParts(),
      sources,
      providers: [...this.#readers.values()],
      isSick: (name) => this.#isSick(name),
      cache,
      notify,
    });
  }

  /** Whether enough providers are well to wrap a data key. */
  get quorum(): QuorumState {
    return this.#quorum.state();
  }

  /** The status, from memory. */
  status(): KekGroupStatus {
    return {
      providers: this.#counted.map((provider) => this.#healthOf(provider)),
      retired: this.#retired.map((provider) => this.#healthOf(provider)),
      wrapOnly: this.providers.filter(({ canUnwrap }) => !canUnwrap).map((provider) => this.#healthOf(provider)),
      recoveryKeyLoaded: [...this.providers, ...this.#retired].some(isLoadedRecovery),
      quorum: this.quorum,
      needed: this.needed,
      graceOnOutageMs: this.#options.cache.graceOnOutageMs,
      decrypts: shownDecrypts(this.decrypts.status(), this.#times),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#resolver[Symbol.dispose]();
    await this.#probing;
    await this.#retries.ended();
  }

  /** The key of the unwrap cache: the reference in hexadecimal. Most Decrypts in a row have the same one. */
  #keyOf(reference: Uint8Array): string {
    if (!sameBytes(reference, this.#lastKey.reference)) {
      this.#lastKey = { reference: reference.slice(), key: hex(reference) };
    }
    return this.#lastKey.key;
  }

  /** Empty if the group only unwraps. */
  get #probed(): readonly Provider[] {
    return this.needed > 0 ? this.providers : [];
  }

  #healthOf(provider: Provider): ProviderHealth {
    return shownHealth(provider, this.#board.of(provider.name), this.#times);
  }

  #isSick(name: string): boolean {
    return this.#board.of(name).state === "sick";
  }

  #changed(name: string): void {
    this.#quorum.update();
    if (this.#options.probes.when === "while_unwell" && !this.isWell(name)) this.#prober.probeSoon(name);
  }

  #askAgain(name: string, wrapped: Unwrappable): void {
    if (this.#probed.some((provider) => provider.name === name)) return this.#prober.probeSoon(name);
    const reader = this.#readers.get(name);
    if (reader) this.#retries.start(reader, wrapped, this.#closing.signal);
  }

  #answered(name: string, state: KeyState, begunAt: number): boolean {
    this.#board.succeeded(name, "probe", begunAt);
    return this.#onState?.(name, state) ?? false;
  }

  #resolverParts() {
    const { clock, unwrap: strategy } = this.#options;
    const lastGoodAt = (name: string) => this.#board.of(name).lastGoodAt;
    return { clock, strategy, latencies: this.#latencies, lastGoodAt };
  }

  #readersOf(providers: readonly NamedProvider[]): ReadonlyMap<string, ReturnType<typeof reportsHealth>> {
    return new Map(providers.flatMap((named) => {
      const reader = reportsHealth(named.provider, this.#board, (name, wrapped) => this.#askAgain(name, wrapped));
      return namesOf(named).map((name) => [name, reader] as const);
    }));
  }

  #unwrappersFor(purpose: Purpose): ReadonlyMap<string, Unwrapper> {
    const made = this.#unwrappers.get(purpose) ??
      new Map([...this.#readers].map(([name, reader]) => [name, dekUnwrapper(reader, purpose)] as const));
    this.#unwrappers.set(purpose, made);
    return made;
  }
}

/** A recovery provider can unwrap while it has a private key. */
function isLoadedRecovery({ kind, canUnwrap }: Provider): boolean {
  return kind === "recovery" && canUnwrap;
}

function namesOf({ provider: { name }, formerly }: NamedProvider): readonly string[] {
  return [name, ...formerly];
}

function mismatch(name: string): KmsError {
  const message =
    `Provider "${name}" unwrapped a data key to the wrong bytes while another provider had the right ones.`;
  return new KmsError("provider_protocol", message);
}
