/**
 * Encrypts and decrypts the data keys of files, in our own types.
 *
 * Each file gets a DEK of its own, wrapped while SOPS waits: there is no ready DEK, no key ID and no state. Files are made
 * by people and lie in repositories for years, so that a wrap that was not to be had is better refused, or told, than
 * missing for good; and what is in one file's DEK opens no other file.
 *
 * @module
 */
import { concat, hex } from "../../base/bytes.ts";
import { type Clock, deadlineBy, WallTimes } from "../../base/clock.ts";
import { abortError, jittered } from "../../base/deadline.ts";
import { DekResolver } from "../../envelope/dek_resolver.ts";
import { decodeFrame, encodeEnvelope, encodeFrameHead, formatSizes } from "../../envelope/format.ts";
import { Latencies } from "../../envelope/latency.ts";
import { quorumSize, requireQuorum, wrapByAll, type WrapQuorum, type WrapReport } from "../../envelope/quorum.ts";
import { newDek, openSeed, type SealContext, sealSeed, taggedDek } from "../../envelope/seal.ts";
import { dekUnwrapper, holdersOf, type Unwrapper, type UnwrapStrategy } from "../../envelope/unwrap.ts";
import { UnwrapCache, type UnwrapCacheOptions } from "../../envelope/unwrap_cache.ts";
import { foreignBytes, isReferenceTo, referenceTo } from "../../envelope/wrap.ts";
import { effectiveCode, errorCodes, KmsError, toKmsError } from "../../base/errors.ts";
import type { CacheResult, Notify } from "../../telemetry/events.ts";
import { DecryptBoard } from "../../kek/decrypt_board.ts";
import { HealthBoard } from "../../kek/health.ts";
import { unseenVersion } from "../kms/key_ring/key_id.ts";
import { QuorumWatch } from "../../kek/quorum_watch.ts";
import { reportsHealth } from "../../kek/reporting.ts";
import { shownDecrypts, shownHealth } from "../../kek/shown.ts";
import type { CallOptions, Provider } from "../../provider/provider.ts";
import type { ProviderHealth, ProviderVersion, ServiceProvider, ServiceStatus } from "../kms/service.ts";

/** Milliseconds. All providers are waited for: one that is slow is worth a wait. */
const timings = { wrap: 10_000, probe: 10_000 } as const;

/** Probes are spread by so much, so that services that started together do not call together. */
const probeSpread = 0.1;

/** A data key that was encrypted. */
export interface SopsSealed {
  /** At most 60 KiB. */
  readonly frame: Uint8Array;
  readonly providers: readonly ProviderVersion[];
}

/** A data key that was decrypted. */
export interface SopsOpened {
  readonly plaintext: Uint8Array;
  readonly providers: readonly ProviderVersion[];
  readonly cache: CacheResult;
}

/** The key service without its wire. */
export interface SopsService {
  /** From memory: there is no key ID. */
  peek(): ServiceStatus;
  /**
   * Seals under a new DEK that the key's providers wrap now.
   *
   * @param name one of the keys that the service was opened with.
   * @throws {KmsError} `permission_denied` where nothing is encrypted; `quorum_not_reached` and a provider's errors.
   */
  encrypt(name: string, plaintext: Uint8Array, call: CallOptions): Promise<SopsSealed>;
  /**
   * Opens what was sealed for this name, by this API, with any provider that wrapped it and is configured.
   *
   * @throws {KmsError} `integrity` for anything else; see `lib/base/errors.ts`.
   */
  decrypt(name: string, frame: Uint8Array, call: CallOptions): Promise<SopsOpened>;
  /** Counts a Decrypt that was refused before it came to {@linkcode SopsService.decrypt}. */
  refused(ciphertext: Uint8Array, error: KmsError): void;
}

/** A key that files may name. */
export interface SopsKeyOptions {
  readonly name: string;
  /** Names of providers. */
  readonly providers: readonly string[];
  readonly wrap: WrapQuorum;
}

/** What a service is made of. Durations are in milliseconds. */
export interface SopsServiceOptions {
  readonly providers: readonly ServiceProvider[];
  /** Providers that only unwrap. */
  readonly retired: readonly ServiceProvider[];
  /** How many of all providers have to be well for the service to be ready. */
  readonly wrap: WrapQuorum;
  readonly keys: readonly SopsKeyOptions[];
  readonly decryptOnly: boolean;
  readonly unwrap: UnwrapStrategy;
  readonly cache: UnwrapCacheOptions;
  readonly probeIntervalMs: number;
  readonly clock: Clock;
  readonly notify: Notify;
}

/** Opens the service. It does not wait for a KMS. */
export function openSopsService(options: SopsServiceOptions): SopsService & AsyncDisposable {
  return new SopsKeyService(options);
}

interface Key {
  readonly members: readonly { readonly provider: Provider }[];
  readonly needed: number;
}

class SopsKeyService implements SopsService, AsyncDisposable {
  readonly #options: SopsServiceOptions;
  readonly #board: HealthBoard;
  readonly #quorum: QuorumWatch;
  readonly #times: WallTimes;
  readonly #source: DekResolver;
  readonly #keys: ReadonlyMap<string, Key>;
  readonly #named: ReadonlyMap<string, Unwrapper>;
  readonly #decrypts: DecryptBoard;
  readonly #closing = new AbortController();
  readonly #watching: Promise<void>;

  constructor(options: SopsServiceOptions) {
    const { clock, notify } = options;
    this.#options = options;
    this.#times = new WallTimes(clock);
    const providers = options.providers.map(({ provider }) => provider);
    const readers = [...options.providers, ...options.retired];
    // To the board all of them only unwrap: no one probes a provider that is well, so that its calls alone must show it.
    this.#board = new HealthBoard([], () => clock.now(), notify, readers.map(({ provider }) => provider));
    const needed = quorumSize(options.wrap, providers.length);
    this.#quorum = new QuorumWatch(this.#board, providers.map(({ name }) => name), needed, clock);
    this.#source = sourceOf(options, this.#board);
    // A person who tries a file of another cluster is no fault of this service: refusals are shown and make nothing red.
    this.#decrypts = new DecryptBoard({ now: () => clock.now(), canFail: false, onFailing: () => {} });
    this.#keys = new Map(options.keys.map((key) => [key.name, keyOf(key, providers)]));
    this.#named = namedUnwrappers(readers, this.#board);
    this.#watching = options.decryptOnly ? Promise.resolve() : this.#watch(providers, this.#closing.signal);
  }

  peek(): ServiceStatus {
    const { decryptOnly, providers, retired, wrap } = this.#options;
    const quorum = decryptOnly ? { state: "held" } as const : this.#quorum.state();
    return {
      keyId: undefined,
      provisional: false,
      message: "",
      quorum,
      needed: decryptOnly ? 0 : quorumSize(wrap, providers.length),
      providers: providers.map(({ provider }) => ({
        ...this.#statusOf(provider),
        version: unseenVersion,
        lacksWrapSince: undefined,
      })),
      retired: retired.map(({ provider }) => this.#statusOf(provider)),
      wrapOnly: [],
      dataKeyMadeAt: undefined,
      stateFolder: undefined,
      canEncrypt: !decryptOnly && quorum.state === "held",
      announcedAt: undefined,
      firstEncryptAt: undefined,
      decrypts: shownDecrypts(this.#decrypts.status(), this.#times),
      sealedVersions: [],
    };
  }

  async encrypt(name: string, plaintext: Uint8Array, call: CallOptions): Promise<SopsSealed> {
    if (this.#options.decryptOnly) {
      throw new KmsError("permission_denied", "Cannot encrypt: this key service only decrypts (sops.decryptOnly).");
    }
    const key = this.#keys.get(name);
    if (!key) throw new RangeError(`no key ${name}`);
    const dek = newDek();
    try {
      const { wraps } = await this.#wrap(dek, key, call.signal);
      const reference = referenceTo(wraps);
      const envelope = sealSeed(dek, plaintext, contextOf(name, reference));
      const frame = concat(encodeFrameHead(name, wraps, "sops"), encodeEnvelope(envelope));
      if (frame.length > formatSizes.frame) throw new KmsError("internal", "The wraps do not fit into a frame.");
      return { frame, providers: wraps.map(({ name, version }) => ({ name, version })) };
    } finally {
      dek.fill(0);
    }
  }

  async decrypt(name: string, bytes: Uint8Array, call: CallOptions): Promise<SopsOpened> {
    try {
      const opened = await this.#open(name, bytes, call);
      this.#decrypts.opened();
      return opened;
    } catch (thrown) {
      this.refused(bytes, toKmsError(thrown));
      throw thrown;
    }
  }

  refused(ciphertext: Uint8Array, error: KmsError): void {
    this.#decrypts.failed(ciphertext, error);
  }

  async #open(name: string, bytes: Uint8Array, call: CallOptions): Promise<SopsOpened> {
    const { keyId, wraps, envelope } = decodeFrame(bytes, "sops");
    if (keyId !== name) throw foreignBytes("it was encrypted for a key of another name");
    const reference = hex(envelope.reference);
    if (!isReferenceTo(reference, wraps)) throw foreignBytes("the wraps are not those of the envelope");
    const holders = () => holdersOf(wraps, this.#named, (name) => this.#board.of(name).state === "sick");
    const context = contextOf(name, envelope.reference);
    const open = (dek: Uint8Array) => openSeed(dek, envelope, context);
    const found = await this.#source.open({ reference, holders, open, call });
    return { plaintext: found.seed, providers: found.holders, cache: found.cache };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#source[Symbol.dispose]();
    await this.#watching;
  }

  async #wrap(dek: Uint8Array, { members, needed }: Key, signal: AbortSignal): Promise<WrapReport> {
    const { clock, notify } = this.#options;
    const startedAt = clock.now();
    using bound = deadlineBy(clock, timings.wrap, signal);
    const tagged = taggedDek(dek, "sops");
    const report = await wrapByAll(tagged, members, bound).finally(() => tagged.fill(0));
    if (signal.aborted) throw abortError(signal, "wrap a data key");
    for (const { provider: { name } } of members) this.#judge(name, report.failures.get(name));
    const [wrapped, missing] = [report.wraps.map(({ name }) => name), [...report.failures.keys()]];
    const told = { type: "ready_dek", wrapped, missing, seconds: (clock.now() - startedAt) / 1000 } as const;
    try {
      requireQuorum(report, needed);
    } catch (thrown) {
      const { code, message } = toKmsError(thrown);
      notify({ ...told, result: code, message });
      throw thrown;
    }
    notify({ ...told, result: "ok" });
    return report;
  }

  /** An outage is over with the next good call; a refusal to wrap, with the next good wrap. */
  #judge(name: string, error: KmsError | undefined): void {
    if (!error) this.#board.succeeded(name, "wrap");
    else this.#board.failed(name, errorCodes[effectiveCode(error)].refusal ? "wrap" : "probe", error);
  }

  /** Probes what is not well, so that an outage and its end are seen; what is well and idle is left in peace. */
  async #watch(providers: readonly Provider[], signal: AbortSignal): Promise<void> {
    const { clock, probeIntervalMs } = this.#options;
    while (!signal.aborted) {
      const unwell = providers.filter(({ name }) => this.#board.of(name).state !== "well");
      await Promise.all(unwell.map((provider) => this.#probe(provider, signal)));
      await clock.sleep(jittered(probeIntervalMs, probeSpread), signal);
    }
  }

  async #probe(provider: Provider, parent: AbortSignal): Promise<void> {
    using bound = deadlineBy(this.#options.clock, timings.probe, parent);
    try {
      await provider.probe({ signal: bound.signal });
      this.#board.succeeded(provider.name, "probe");
    } catch (thrown) {
      if (!parent.aborted) this.#board.failed(provider.name, "probe", toKmsError(thrown));
    }
  }

  #statusOf(provider: Provider): ProviderHealth {
    return shownHealth(provider, this.#board.of(provider.name), this.#times);
  }
}

function contextOf(name: string, reference: Uint8Array): SealContext {
  return { purpose: "sops", threshold: 1, keyId: name, reference };
}

function keyOf({ providers: names, wrap }: SopsKeyOptions, providers: readonly Provider[]): Key {
  const members = providers.filter(({ name }) => names.includes(name)).map((provider) => ({ provider }));
  return { members, needed: quorumSize(wrap, members.length) };
}

function namedUnwrappers(readers: readonly ServiceProvider[], board: HealthBoard): ReadonlyMap<string, Unwrapper> {
  return new Map(readers.flatMap(({ provider, formerly }) => {
    const unwrapper = dekUnwrapper(reportsHealth(provider, board, () => {}), "sops");
    return [provider.name, ...formerly].map((name) => [name, unwrapper] as const);
  }));
}

function sourceOf({ clock, notify, unwrap, cache }: SopsServiceOptions, board: HealthBoard): DekResolver {
  return new DekResolver({
    clock,
    strategy: unwrap,
    latencies: new Latencies(),
    cache: new UnwrapCache(cache, clock, notify),
    lastGoodAt: (name) => board.of(name).lastGoodAt,
    onMismatch: (name) => {
      const message =
        `Provider "${name}" unwrapped a data key to the wrong bytes while another provider had the right ones.`;
      board.failed(name, "unwrap", new KmsError("provider_protocol", message));
    },
  });
}
