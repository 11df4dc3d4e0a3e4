/**
 * The key service for SOPS: it encrypts and decrypts the data keys of files, independent of the wire format.
 *
 * Each file gets its own DEK, which is wrapped during the call. There is no DEK in advance, no key ID and no state. Files
 * are stored for years, and a missing wrap cannot be added later, so that a missed quorum is an error. A leaked DEK opens
 * one file.
 *
 * @module
 */
import { concat } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import { KmsError, toKmsError } from "../../base/errors.ts";
import { decodeFrame, encodeFrameHead, formatSizes } from "../../envelope/format.ts";
import { type QuorumMember, quorumSize, type WrapQuorum } from "../../envelope/quorum.ts";
import { newDek, openSeed, type SealContext, sealEnvelope } from "../../envelope/seal.ts";
import type { UnwrapStrategy } from "../../envelope/unwrap.ts";
import type { UnwrapCacheOptions } from "../../envelope/unwrap_cache.ts";
import { foreignBytes, referenceTo } from "../../envelope/wrap.ts";
import { KekGroup, type NamedProvider } from "../../kek/kek_group.ts";
import type { ProviderVersion } from "../../kek/status.ts";
import type { CallOptions, Provider } from "../../provider/provider.ts";
import type { CacheResult, Notify } from "../../telemetry/events.ts";
import type { SopsStatus } from "./status.ts";

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

/** The operations of the key service. */
export interface SopsService {
  /** The status, from memory. */
  peek(): SopsStatus;
  /**
   * Seals under a new DEK, which the providers of the key wrap during the call.
   *
   * @param name the name of a configured key.
   * @throws {KmsError} `permission_denied` if the service only decrypts; `quorum_not_reached` and a provider's errors.
   */
  encrypt(name: string, plaintext: Uint8Array, call: CallOptions): Promise<SopsSealed>;
  /**
   * Opens data that the key service has sealed for this name, with any configured provider that wrapped its DEK.
   *
   * @throws {KmsError} `integrity` for any other data; the other codes are in `lib/base/errors.ts`.
   */
  decrypt(name: string, frame: Uint8Array, call: CallOptions): Promise<SopsOpened>;
  /** Counts a Decrypt that was refused before {@linkcode SopsService.decrypt} was called. */
  refused(ciphertext: Uint8Array, error: KmsError): void;
}

/** A key that files can name. */
export interface SopsKeyOptions {
  readonly name: string;
  /** Names of providers. */
  readonly providers: readonly string[];
  /** The quorum: number of those providers that can unwrap and that have to wrap. */
  readonly wrap: WrapQuorum;
}

/** Options of a service. Durations are in milliseconds. */
export interface SopsServiceOptions {
  readonly providers: readonly NamedProvider[];
  /** Providers that only unwrap. */
  readonly retired: readonly NamedProvider[];
  /** The quorum of all providers that has to be healthy for the service to be ready. */
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
  readonly members: readonly QuorumMember[];
  readonly needed: number;
}

class SopsKeyService implements SopsService, AsyncDisposable {
  readonly #decryptOnly: boolean;
  readonly #group: KekGroup;
  readonly #keys: ReadonlyMap<string, Key>;

  constructor(options: SopsServiceOptions) {
    const { providers, retired, decryptOnly, unwrap, cache, clock, notify } = options;
    this.#decryptOnly = decryptOnly;
    this.#group = new KekGroup({
      providers,
      retired,
      wrap: decryptOnly ? "none" : options.wrap,
      unwrap,
      cache,
      probes: { when: "while_unwell", intervalMs: options.probeIntervalMs },
      // An attempt to open a file of another cluster must not make the service unready.
      decrypts: { canFail: false, onFailing: () => {} },
      clock,
      notify,
    });
    this.#keys = new Map(options.keys.map((key) => [key.name, keyOf(key, this.#group.providers)]));
    this.#group.start();
  }

  peek(): SopsStatus {
    const status = this.#group.status();
    return { ...status, canEncrypt: !this.#decryptOnly && status.quorum.state === "held" };
  }

  async encrypt(name: string, plaintext: Uint8Array, call: CallOptions): Promise<SopsSealed> {
    if (this.#decryptOnly) {
      throw new KmsError("permission_denied", "Cannot encrypt: this key service only decrypts (sops.decryptOnly).");
    }
    const key = this.#keys.get(name);
    if (!key) throw new RangeError(`no key ${name}`);
    const dek = newDek();
    try {
      const wraps = await this.#group.wrap({ dek, purpose: "sops", ...key }, call.signal);
      const envelope = sealEnvelope(dek, plaintext, contextOf(name, referenceTo(wraps)));
      const frame = concat(encodeFrameHead(name, wraps, "sops"), envelope);
      if (frame.length > formatSizes.frame) throw new KmsError("internal", "The wraps do not fit into a frame.");
      return { frame, providers: wraps.map(({ name, version }) => ({ name, version })) };
    } finally {
      dek.fill(0);
    }
  }

  async decrypt(name: string, frame: Uint8Array, call: CallOptions): Promise<SopsOpened> {
    try {
      const opened = await this.#open(name, frame, call);
      this.#group.decrypts.opened();
      return opened;
    } catch (thrown) {
      this.refused(frame, toKmsError(thrown));
      throw thrown;
    }
  }

  refused(ciphertext: Uint8Array, error: KmsError): void {
    this.#group.decrypts.failed(ciphertext, error);
  }

  async #open(name: string, frame: Uint8Array, call: CallOptions): Promise<SopsOpened> {
    const { keyId, wraps, envelope } = decodeFrame(frame, "sops");
    if (keyId !== name) throw foreignBytes("it was encrypted for a key of another name");
    const { reference } = envelope;
    const context = contextOf(name, reference);
    const open = (dek: Uint8Array) => openSeed(dek, envelope, context);
    const { seed, holders, cache } = await this.#group.open({ wraps, reference, purpose: "sops", open }, call);
    return { plaintext: seed, providers: holders, cache };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#group[Symbol.asyncDispose]();
  }
}

function contextOf(name: string, reference: Uint8Array): SealContext {
  return { purpose: "sops", threshold: 1, keyId: name, reference };
}

function keyOf({ providers: names, wrap }: SopsKeyOptions, providers: readonly Provider[]): Key {
  const members = providers.filter(({ name }) => names.includes(name)).map((provider) => ({ provider }));
  return { members, needed: quorumSize(wrap, members.filter(({ provider }) => provider.canUnwrap).length) };
}
