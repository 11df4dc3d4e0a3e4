/**
 * Status, encrypt and decrypt in our own types: what the RPC handlers, the CLI and the HTTP endpoint speak to.
 *
 * @module
 */
import { hex } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import { KmsError, toKmsError } from "../../base/errors.ts";
import { DekResolver } from "../../envelope/dek_resolver.ts";
import { decodeEnvelope, decodeFrame, type EnvelopeFrame } from "../../envelope/format.ts";
import { ForeignReader, type ForeignSource } from "../../envelope/foreign.ts";
import { Latencies } from "../../envelope/latency.ts";
import { quorumSize, type WrapQuorum } from "../../envelope/quorum.ts";
import { maxUsesOfDek, openSeed } from "../../envelope/seal.ts";
import { dekUnwrapper, holdersOf, type Unwrapper, type UnwrapStrategy } from "../../envelope/unwrap.ts";
import { UnwrapCache, type UnwrapCacheOptions } from "../../envelope/unwrap_cache.ts";
import { decodeAnnotations, foreignBytes, isReferenceTo } from "../../envelope/wrap.ts";
import type { ForeignFormat, KmsApi, Notify } from "../../telemetry/events.ts";
import type { Decrypted, Encrypted, Sealed, ServiceStatus } from "../../kek/status.ts";
import { DecryptBoard } from "../../kek/decrypt_board.ts";
import type { FirstEncryptFile } from "./key_ring/first_encrypt.ts";
import { HealthBoard } from "../../kek/health.ts";
import { KeyRing } from "./key_ring/key_ring.ts";
import type { WrapSet } from "./key_ring/wrap_sets.ts";
import { reportsHealth } from "../../kek/reporting.ts";
import { memorySentinels, type SentinelStore } from "./key_ring/sentinel_file.ts";
import { SentinelWatch } from "./key_ring/sentinel_watch.ts";
import type { RingStore } from "./key_ring/state.ts";
import type { CallOptions, CheckedProvider } from "../../provider/provider.ts";
import type { StateFolderWatch } from "../../base/state_folder.ts";

export type {
  Decrypted,
  DecryptStatus,
  Encrypted,
  ProviderStatus,
  ProviderVersion,
  QuorumState,
  RefusedDecrypts,
  RetiredStatus,
  Sealed,
  SealedVersionStatus,
  ServiceStatus,
} from "../../kek/status.ts";

/** The plugin without its wire. */
export interface Service {
  /** From memory. Each call is noted as a Status answer: a new key ID waits until 4 s after the last one. */
  status(): ServiceStatus;
  /** As {@linkcode Service.status}, without being noted: for eyes. */
  peek(): ServiceStatus;
  /**
   * Seals under the announced key ID, from memory and at once.
   *
   * @param plaintext 1 to 900 bytes.
   * @param byTool whether a tool of ours asks: its call does not show that an API server knows the key ID.
   * @throws {KmsError} `request_invalid`, or `unreachable` and its kin while no ready DEK is held.
   */
  encrypt(plaintext: Uint8Array, api: KmsApi, byTool?: boolean): Encrypted;
  /**
   * Opens what some node sealed.
   *
   * @throws {KmsError} `integrity` for anything that this key ring did not seal as it stands; see `lib/base/errors.ts`.
   */
  decrypt(sealed: Sealed, api: KmsApi, call: CallOptions): Promise<Decrypted>;
  /** Counts a Decrypt that was refused before it came to {@linkcode Service.decrypt}. */
  refused(ciphertext: Uint8Array, error: KmsError): void;
  /** Which other plugin wrote it, by its form alone; `undefined` for what is ours or is not to be read. */
  foreignFormat(sealed: Sealed, api: KmsApi): ForeignFormat | undefined;
}

/** A service that runs. */
export interface OpenedService extends Service, AsyncDisposable {
  /** Tests, in the background, whether the versions that this node has sealed with can be opened. */
  examine(): void;
}

/** A provider and the names under which it may have wrapped. */
export interface ServiceProvider {
  /** Decorated: observed, retrying, breaking. */
  readonly provider: CheckedProvider;
  readonly formerly: readonly string[];
}

/** What a service is made of. Durations are in milliseconds. */
export interface ServiceOptions {
  readonly providers: readonly ServiceProvider[];
  /** Providers that only unwrap what they wrapped when they were among `providers`; none if left out. */
  readonly retired?: readonly ServiceProvider[];
  /** Names of providers of which nothing is left that they wrapped, and `PROVIDER@VERSION` likewise; none if left out. */
  readonly forgotten?: readonly string[];
  /** Whose data is read beside ours; none if left out. */
  readonly readForeign?: readonly ForeignSource[];
  readonly wrap: WrapQuorum;
  readonly unwrap: UnwrapStrategy;
  readonly keyEpoch: number;
  readonly cache: UnwrapCacheOptions;
  readonly dekMaxAgeMs: number;
  /** How many seeds a data key may seal; 2^20 if left out. */
  readonly dekMaxUses?: number;
  readonly probeIntervalMs: number;
  readonly store: RingStore;
  /** Where the first Encrypt under a key ID is kept; in memory alone if left out. */
  readonly firstEncrypt?: FirstEncryptFile;
  /** Where it is kept what shows that a version can still be opened; in memory if left out. */
  readonly sentinels?: SentinelStore;
  /** Whether the folder of these files can be written; the status lacks it if left out. */
  readonly stateFolder?: Pick<StateFolderWatch, "status">;
  readonly clock: Clock;
  /** Spreads the probes of several nodes: numbers from 0 to 1, `Math.random` if left out. */
  readonly random?: () => number;
  readonly notify: Notify;
}

/**
 * Opens the service. It does not wait for a KMS: until one answers, status says why there is no key ID.
 *
 * @throws {KmsError} `config` if the state folder cannot be used, or if nobody is configured any more who could open
 *   something that this node has sealed.
 */
export async function openService(options: ServiceOptions): Promise<OpenedService> {
  const { clock, notify } = options;
  const named = new Map<string, Unwrapper>();
  const providers = options.providers.map(({ provider }) => provider);
  const retired = (options.retired ?? []).map(({ provider }) => provider);
  const decryptors = [...options.providers, ...options.retired ?? []];
  const board = new HealthBoard(providers, () => clock.now(), notify, retired);
  const decrypts = new DecryptBoard({
    now: () => clock.now(),
    canFail: true,
    onFailing: (why) => notify({ type: "lifecycle", action: "warning", message: `${nothingReadable} ${why}` }),
  });
  const common = {
    clock,
    strategy: options.unwrap,
    latencies: new Latencies(),
    lastGoodAt: (name: string) => board.of(name).lastGoodAt,
  };
  const source = new DekResolver({
    ...common,
    cache: new UnwrapCache(options.cache, clock, notify),
    onMismatch: (name) => {
      const message =
        `Provider "${name}" unwrapped a data key to the wrong bytes while another provider had the right ones.`;
      board.failed(name, "unwrap", new KmsError("provider_protocol", message));
    },
  });
  const whoOpens = { holders: decryptors.flatMap(wrapSetOf), forgotten: options.forgotten ?? [] };
  const store = options.sentinels ?? memorySentinels();
  const ring = await KeyRing.open({
    providers,
    retired,
    decryptors: whoOpens,
    openSentinels: (wrapSets) =>
      SentinelWatch.open({
        clock,
        notify,
        store,
        decryptors: whoOpens,
        wrapSets,
        unwrapperOf: (name) => named.get(name),
      }),
    board,
    needed: quorumSize(options.wrap, providers.length),
    keyEpoch: options.keyEpoch,
    store: options.store,
    firstEncrypt: options.firstEncrypt,
    stateFolder: options.stateFolder,
    decrypts,
    clock,
    notify,
    dekMaxAgeMs: options.dekMaxAgeMs,
    dekMaxUses: options.dekMaxUses ?? maxUsesOfDek,
    probeIntervalMs: options.probeIntervalMs,
    random: options.random ?? Math.random,
    onFirstUse: (dek) => source.remember(hex(dek.reference), dek.copyOfDek(), dek.wraps),
  });
  const probeSoon = (name: string) => ring.probeSoon(name);
  for (const { provider, formerly } of decryptors) {
    for (const name of [provider.name, ...formerly]) {
      named.set(name, dekUnwrapper(reportsHealth(provider, board, probeSoon)));
    }
  }
  const foreign = new ForeignReader({
    ...common,
    sources: options.readForeign ?? [],
    providers: decryptors.map(({ provider }) => reportsHealth(provider, board, probeSoon)),
    isSick: (name) => board.of(name).state === "sick",
    cache: options.cache,
    notify,
  });
  return new KmsPluginService({ ring, source, named, foreign, decrypts });
}

const nothingReadable = "Stored data cannot be read: every Decrypt of the last 5 minutes was refused.";

/** A provider under each of its names. */
function wrapSetOf({ provider: { name, kind }, formerly }: ServiceProvider): WrapSet {
  return [name, ...formerly].map((one) => ({ name: one, kind }));
}

interface KeyServiceParts {
  readonly ring: KeyRing;
  readonly source: DekResolver;
  readonly named: ReadonlyMap<string, Unwrapper>;
  readonly foreign: ForeignReader;
  readonly decrypts: DecryptBoard;
}

class KmsPluginService implements OpenedService {
  readonly #ring: KeyRing;
  readonly #source: DekResolver;
  readonly #named: ReadonlyMap<string, Unwrapper>;
  readonly #foreign: ForeignReader;
  readonly #decrypts: DecryptBoard;

  constructor({ ring, source, named, foreign, decrypts }: KeyServiceParts) {
    this.#ring = ring;
    this.#source = source;
    this.#named = named;
    this.#foreign = foreign;
    this.#decrypts = decrypts;
  }

  status(): ServiceStatus {
    return this.#ring.status();
  }

  peek(): ServiceStatus {
    return this.#ring.peek();
  }

  examine(): void {
    this.#ring.examine();
  }

  encrypt(plaintext: Uint8Array, api: KmsApi, byTool = false): Encrypted {
    if (plaintext.length === 0) throw new KmsError("request_invalid", "Cannot encrypt: the plaintext is empty.");
    if (plaintext.length > maxPlaintext) {
      throw new KmsError("request_invalid", `Cannot encrypt: the plaintext is longer than ${maxPlaintext} bytes.`);
    }
    return this.#ring.seal(plaintext, api, byTool);
  }

  foreignFormat(sealed: Sealed, api: KmsApi): ForeignFormat | undefined {
    return this.#foreign.formatOf(sealed, api);
  }

  async decrypt(sealed: Sealed, api: KmsApi, call: CallOptions): Promise<Decrypted> {
    try {
      return await this.#decrypt(sealed, api, call);
    } catch (thrown) {
      this.refused(sealed.ciphertext, toKmsError(thrown));
      throw thrown;
    }
  }

  refused(ciphertext: Uint8Array, error: KmsError): void {
    this.#decrypts.failed(ciphertext, error);
  }

  async #decrypt(sealed: Sealed, api: KmsApi, call: CallOptions): Promise<Decrypted> {
    const format = this.#foreign.formatOf(sealed, api);
    if (format !== undefined) {
      const { seed, holders, cache } = await this.#foreign.read(format, sealed, api, call);
      this.#decrypts.opened();
      return { plaintext: seed, keyId: sealed.keyId, providers: holders, cache };
    }
    const { keyId, wraps, envelope } = parse(sealed, api);
    const reference = hex(envelope.reference);
    if (!this.#source.knows(reference, wraps) && !isReferenceTo(reference, wraps)) {
      throw foreignBytes("the wraps are not those of the envelope");
    }
    const holders = () => holdersOf(wraps, this.#named, (name) => this.#ring.board.of(name).state === "sick");
    const context = { api, threshold: envelope.threshold, keyId, reference: envelope.reference };
    const open = (dek: Uint8Array) => openSeed(dek, envelope, context);
    const found = await this.#source.open({ reference, holders, wraps, open, call });
    // v1beta1's health check and `trousseau probe` have opened what was sealed a moment before: that shows nothing.
    if (!found.own) this.#decrypts.opened();
    return { plaintext: found.seed, keyId, providers: found.holders, cache: found.cache };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#source[Symbol.dispose]();
    this.#foreign[Symbol.dispose]();
    await this.#ring[Symbol.asyncDispose]();
  }
}

/** Bytes: a seed has 32, and what the envelope adds leaves room for this much in the API server's 1,024. */
export const maxPlaintext = 900;

function parse({ keyId, ciphertext, annotations }: Sealed, api: KmsApi): EnvelopeFrame {
  if (api === "v1beta1") return decodeFrame(ciphertext);
  if (keyId === "") throw new KmsError("request_invalid", "Cannot decrypt: the request has no key ID.");
  return { keyId, wraps: decodeAnnotations(annotations), envelope: decodeEnvelope(ciphertext) };
}
