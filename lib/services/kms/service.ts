/**
 * The KMS plugin's service: status, encryption and decryption, independent of the wire format. The RPC handlers, the CLI
 * and the HTTP endpoint call it.
 *
 * @module
 */
import type { Clock } from "../../base/clock.ts";
import { KmsError, toKmsError } from "../../base/errors.ts";
import type { StateFolderWatch } from "../../base/state_folder.ts";
import { decodeEnvelope, decodeFrame, type EnvelopeFrame } from "../../envelope/format.ts";
import type { ForeignReader, ForeignSource } from "../../envelope/foreign.ts";
import type { WrapQuorum } from "../../envelope/quorum.ts";
import type { OpenedSeed } from "../../envelope/dek_resolver.ts";
import { maxUsesOfDek, openSeed, SealContexts } from "../../envelope/seal.ts";
import type { UnwrapStrategy } from "../../envelope/unwrap.ts";
import type { UnwrapCacheOptions } from "../../envelope/unwrap_cache.ts";
import { AnnotationReader, decodeAnnotations } from "../../envelope/wrap.ts";
import { KekGroup, type NamedProvider } from "../../kek/kek_group.ts";
import type { CallOptions } from "../../provider/provider.ts";
import type { KmsApi } from "../../api/kms/messages.ts";
import type { ForeignFormat } from "../../envelope/foreign_formats.ts";
import type { Notify } from "../../telemetry/events.ts";
import { limits } from "./request_limits.ts";
import type { FirstEncryptFile } from "./key_ring/first_encrypt.ts";
import { KeyRing } from "./key_ring/key_ring.ts";
import { memorySentinels, type SentinelStore } from "./key_ring/sentinel_file.ts";
import { SentinelWatch } from "./key_ring/sentinel_watch.ts";
import type { RingStore } from "./key_ring/state.ts";
import { type ConfiguredMember, decryptorsAmong } from "./key_ring/wrap_sets.ts";
import type { AnswerStatus, Decrypted, Encrypted, Sealed, ServiceStatus } from "./status.ts";

export type { DecryptStatus, ProviderHealth, ProviderVersion, QuorumState, RefusedDecrypts } from "../../kek/status.ts";
export type {
  AnswerStatus,
  Decrypted,
  Encrypted,
  ProviderStatus,
  Sealed,
  SealedVersionStatus,
  ServiceStatus,
} from "./status.ts";

/** The operations of the plugin. */
export interface Service {
  /** The status for a Status answer, from memory. The key ID does not change in the 4 s after a call, for at most 30 s. */
  status(): AnswerStatus;
  /** The same for an Encrypt, which does not delay a change of the key ID. */
  encryptStatus(): AnswerStatus;
  /** The whole status, from memory. */
  peek(): ServiceStatus;
  /**
   * Seals under the announced key ID, without a remote call.
   *
   * @param plaintext 1 to 900 bytes.
   * @param byTool whether the caller is one of Trousseau's own commands. Such a call is not noted as an API server's first
   *   Encrypt under the key ID.
   * @throws {KmsError} `request_invalid` if the plaintext is empty or too long; if no data key is ready, the code of the
   *   failed wrap, such as `unreachable`.
   */
  encrypt(plaintext: Uint8Array, api: KmsApi, byTool?: boolean): Encrypted;
  /**
   * Opens data that any node with these keys has sealed. If the data key is cached, the answer needs no promise.
   *
   * @throws {KmsError} `integrity` for bytes that no such node has sealed, or that were changed; the other codes are in
   *   `lib/base/errors.ts`. An error is always a rejection.
   */
  decrypt(sealed: Sealed, api: KmsApi, call: CallOptions): Decrypted | Promise<Decrypted>;
  /** Counts a Decrypt that was refused before {@linkcode Service.decrypt} was called. */
  refused(ciphertext: Uint8Array, error: KmsError): void;
  /** The format of data that another plugin wrote; `undefined` for Trousseau's data and formats not configured. */
  foreignFormat(sealed: Sealed, api: KmsApi): ForeignFormat | undefined;
}

/** A running service. */
export interface OpenedService extends Service, AsyncDisposable {
  /** Starts to test, in the background, whether the versions that this node has sealed with can be opened. */
  examine(): void;
}

/** Options of a service. Durations are in milliseconds. */
export interface ServiceOptions {
  readonly providers: readonly NamedProvider[];
  /** Providers that only unwrap; none if left out. */
  readonly retired?: readonly NamedProvider[];
  /** Names of providers, or `PROVIDER@VERSION`, whose wraps the operator has given up; none if left out. */
  readonly forgotten?: readonly string[];
  /** Sources of data in the formats of other plugins; none if left out. */
  readonly readForeign?: readonly ForeignSource[];
  readonly wrap: WrapQuorum;
  readonly unwrap: UnwrapStrategy;
  readonly keyEpoch: number;
  readonly cache: UnwrapCacheOptions;
  readonly dekMaxAgeMs: number;
  /** Maximum number of seeds that a data key seals; 2^20 if left out. */
  readonly dekMaxUses?: number;
  readonly probeIntervalMs: number;
  readonly store: RingStore;
  /** The file for the first Encrypt under a key ID; if left out, it is kept in memory only. */
  readonly firstEncrypt?: FirstEncryptFile;
  /** The store of sentinels, which show whether a version can still be opened; in memory if left out. */
  readonly sentinels?: SentinelStore;
  /** For the status: whether the folder of these files can be written. */
  readonly stateFolder?: Pick<StateFolderWatch, "status">;
  readonly clock: Clock;
  /** Returns numbers from 0 to below 1, which spread the probes of several nodes; `Math.random` if left out. */
  readonly random?: () => number;
  readonly notify: Notify;
}

/**
 * Opens the service. It does not wait for a KMS. Until one answers, the status has the reason why there is no key ID.
 *
 * @throws {KmsError} `config` if the state folder cannot be used, or if data sealed by this node could not be opened by any
 *   configured provider.
 */
export async function openService(options: ServiceOptions): Promise<OpenedService> {
  const { clock, notify, providers, retired = [], forgotten = [], random } = options;
  const group = new KekGroup({
    providers,
    retired,
    wrap: options.wrap,
    unwrap: options.unwrap,
    cache: options.cache,
    probes: { when: "always", intervalMs: options.probeIntervalMs, ...(random === undefined ? {} : { random }) },
    decrypts: {
      canFail: true,
      onFailing: (why) => notify({ type: "lifecycle", action: "warning", message: `${nothingReadable} ${why}` }),
    },
    clock,
    notify,
  });
  const decryptors = decryptorsAmong([...providers, ...retired].map(memberOf), forgotten);
  const store = options.sentinels ?? memorySentinels();
  const unwrapperOf = (name: string) => group.unwrapperOf(name, "sentinel");
  const ring = await KeyRing.open({
    group,
    decryptors,
    openSentinels: (wrapSets) => SentinelWatch.open({ clock, notify, store, decryptors, wrapSets, unwrapperOf }),
    keyEpoch: options.keyEpoch,
    store: options.store,
    firstEncrypt: options.firstEncrypt,
    stateFolder: options.stateFolder,
    clock,
    notify,
    dekMaxAgeMs: options.dekMaxAgeMs,
    dekMaxUses: options.dekMaxUses ?? maxUsesOfDek,
    // In the cache, the data key opens during an outage the data that this node has sealed with it.
    onFirstUse: (dek) => group.remember(dek.copyOfDek(), dek.reference, dek.wraps),
  });
  return new KmsPluginService(ring, group, group.foreignReader(options.readForeign ?? []));
}

const nothingReadable = "Stored data cannot be read: every Decrypt of the last 5 minutes was refused.";

function memberOf({ provider: { name, kind, canUnwrap }, formerly }: NamedProvider): ConfiguredMember {
  return { name, kind, canUnwrap, formerly };
}

class KmsPluginService implements OpenedService {
  readonly #ring: KeyRing;
  readonly #group: KekGroup;
  readonly #foreign: ForeignReader;
  readonly #contexts = new SealContexts();
  readonly #annotations = new AnnotationReader();

  constructor(ring: KeyRing, group: KekGroup, foreign: ForeignReader) {
    this.#ring = ring;
    this.#group = group;
    this.#foreign = foreign;
  }

  status(): AnswerStatus {
    return this.#ring.status();
  }

  encryptStatus(): AnswerStatus {
    return this.#ring.encryptStatus();
  }

  peek(): ServiceStatus {
    return this.#ring.peek();
  }

  examine(): void {
    this.#ring.examine();
  }

  encrypt(plaintext: Uint8Array, api: KmsApi, byTool = false): Encrypted {
    if (plaintext.length === 0) throw new KmsError("request_invalid", "Cannot encrypt: the plaintext is empty.");
    if (plaintext.length > limits.plaintext) {
      throw new KmsError("request_invalid", `Cannot encrypt: the plaintext is longer than ${limits.plaintext} bytes.`);
    }
    return this.#ring.seal(plaintext, api, byTool);
  }

  foreignFormat(sealed: Sealed, api: KmsApi): ForeignFormat | undefined {
    return this.#foreign.formatOf(sealed, api);
  }

  decrypt(sealed: Sealed, api: KmsApi, call: CallOptions): Decrypted | Promise<Decrypted> {
    const refuse = (thrown: unknown): never => {
      this.refused(sealed.ciphertext, toKmsError(thrown));
      throw thrown;
    };
    try {
      const format = this.#foreign.formatOf(sealed, api);
      const answer = format === undefined ? this.#decrypt(sealed, api, call) : this.#read(format, sealed, api, call);
      return answer instanceof Promise ? answer.catch(refuse) : answer;
    } catch (thrown) {
      return Promise.reject(thrown).catch(refuse);
    }
  }

  refused(ciphertext: Uint8Array, error: KmsError): void {
    this.#group.decrypts.failed(ciphertext, error);
  }

  #decrypt(sealed: Sealed, api: KmsApi, call: CallOptions): Decrypted | Promise<Decrypted> {
    const { keyId, wraps, envelope } = this.#parse(sealed, api);
    const { reference } = envelope;
    const context = this.#contexts.of(api, keyId, envelope);
    const request = { wraps, reference, purpose: api, open: (dek: Uint8Array) => openSeed(dek, envelope, context) };
    const answered = ({ seed, holders, cache, own }: OpenedSeed): Decrypted => {
      // v1beta1's health check and `trousseau probe` decrypt a seed that this process has just sealed. Their success is
      // no evidence about stored data.
      if (!own) this.#group.decrypts.opened();
      return { plaintext: seed, keyId, providers: holders, cache };
    };
    const cached = this.#group.openCached(request);
    return cached === undefined ? this.#group.open(request, call).then(answered) : answered(cached);
  }

  #parse({ keyId, ciphertext, annotations }: Sealed, api: KmsApi): EnvelopeFrame {
    if (api === "v1beta1") return decodeFrame(ciphertext, api);
    if (keyId === "") throw new KmsError("request_invalid", "Cannot decrypt: the request has no key ID.");
    const wraps = decodeAnnotations(annotations, this.#annotations.decode);
    return { keyId, wraps, envelope: decodeEnvelope(ciphertext) };
  }

  async #read(format: ForeignFormat, sealed: Sealed, api: KmsApi, call: CallOptions): Promise<Decrypted> {
    const { seed, holders, cache } = await this.#foreign.read(format, sealed, api, call);
    this.#group.decrypts.opened();
    return { plaintext: seed, keyId: sealed.keyId, providers: holders, cache };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#foreign[Symbol.dispose]();
    await this.#group[Symbol.asyncDispose]();
    await this.#ring[Symbol.asyncDispose]();
  }
}
