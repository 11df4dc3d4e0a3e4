/**
 * Reads data that another plugin wrote, with the keys that the configuration permits for it and no others.
 *
 * The result is 32 bytes, a seed or a data key of kube-apiserver, or an error. An attacker who can write to etcd can submit
 * any ciphertext of the key, for instance our own wrapped data keys.
 *
 * @module
 */
import { lengthPrefixed, sha256Hex, utf8 } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { KmsError } from "../base/errors.ts";
import type { KmsApi } from "../api/kms/messages.ts";
import type { ForeignFormat } from "./foreign_formats.ts";
import type { Notify } from "../telemetry/events.ts";
import type { CallOptions, CheckedProvider } from "../provider/provider.ts";
import { DekResolver, type OpenedSeed } from "./dek_resolver.ts";
import { foreignFormats, type ForeignSealed, type ForeignWrap, isOfFormat, readForeign } from "./foreign_formats.ts";
import { beginsAsOurs } from "./format.ts";
import type { Latencies } from "./latency.ts";
import { isTagged } from "./seal.ts";
import type { Holder, Unwrapper, UnwrapStrategy } from "./unwrap.ts";
import { UnwrapCache, type UnwrapCacheOptions } from "./unwrap_cache.ts";

/** A format to read, and our keys for it. */
export interface ForeignSource {
  readonly format: ForeignFormat;
  readonly providers: readonly ForeignKey[];
  /** aws-encryption-provider: whether blobs without the leading byte are accepted under v1beta1. */
  readonly unprefixed?: boolean;
}

/** One of our providers that can open data of another plugin. */
export interface ForeignKey {
  /** Its name in the data; `""` if the format has no names. */
  readonly written: string;
  /** Its name in our configuration. */
  readonly name: string;
  /** The encryption context that the other plugin used, if the vendor supports one. */
  readonly context?: Readonly<Record<string, string>>;
  /** The configured key version of the other plugin, if a request of the vendor must name one. */
  readonly keyVersion?: string;
}

/** Options of a {@linkcode ForeignReader}. */
export interface ForeignReaderOptions {
  readonly sources: readonly ForeignSource[];
  readonly providers: readonly Pick<CheckedProvider, "name" | "unwrap">[];
  readonly isSick: (name: string) => boolean;
  readonly cache: UnwrapCacheOptions;
  readonly clock: Clock;
  readonly strategy: UnwrapStrategy;
  readonly latencies: Latencies;
  readonly lastGoodAt: (name: string) => number | undefined;
  readonly notify: Notify;
}

/** Size in bytes of the plaintexts of kube-apiserver: a seed (v2) or a data key (v1beta1). */
const seedBytes = 32;

/** The reader of a plugin. Without sources it recognises no data. */
export class ForeignReader implements Disposable {
  readonly #sources: ReadonlyMap<ForeignFormat, ForeignSource>;
  readonly #providers: ReadonlyMap<string, Pick<CheckedProvider, "name" | "unwrap">>;
  readonly #isSick: (name: string) => boolean;
  readonly #source: DekResolver;

  constructor({ sources, providers, isSick, cache, notify, ...options }: ForeignReaderOptions) {
    this.#sources = new Map(sources.map((source) => [source.format, source]));
    this.#providers = new Map(providers.map((provider) => [provider.name, provider]));
    this.#isSick = isSick;
    // A separate cache: under v1beta1 there is a key for each object, and they would evict our own few data keys.
    const quiet: Notify = (event) => event.type === "cache_size" ? undefined : notify(event);
    this.#source = new DekResolver({
      ...options,
      cache: new UnwrapCache(cache, options.clock, quiet),
      // The data was stored with another plaintext. That is not a failure of the provider.
      onMismatch: () => {},
    });
    for (const { format, providers: keys } of sources) {
      notify({ type: "foreign", format, providers: keys.map(({ name }) => name) });
    }
  }

  /** The format by the first bytes; `undefined` for our own data and for formats that are not configured. */
  formatOf({ ciphertext }: ForeignSealed, api: KmsApi): ForeignFormat | undefined {
    if (beginsAsOurs(ciphertext, api)) return undefined;
    return foreignFormats.find((format) => {
      const source = this.#sources.get(format);
      return source !== undefined && isOfFormat(format, ciphertext, api, source);
    });
  }

  /**
   * Opens data of another plugin.
   *
   * @throws {KmsError} `integrity` if the other plugin cannot have written these bytes, or if the plaintext is not a seed;
   *   `key_unknown` if no provider is configured for it; a provider's error.
   */
  async read(format: ForeignFormat, sealed: ForeignSealed, api: KmsApi, call: CallOptions): Promise<OpenedSeed> {
    const wraps = readForeign(format, sealed, api);
    const holders = () => this.#holders(format, wraps);
    const reference = sha256Hex(lengthPrefixed(utf8(format), sealed.ciphertext));
    return await this.#source.open({ reference, holders, open: (seed) => seed.slice(), call });
  }

  [Symbol.dispose](): void {
    this.#source[Symbol.dispose]();
  }

  #holders(format: ForeignFormat, wraps: readonly ForeignWrap[]): Holder[] {
    const keys = this.#sources.get(format)?.providers ?? [];
    const holders = wraps.flatMap(({ written, version, ciphertext }): Holder[] =>
      keys.filter((key) => key.written === written).map((key) => ({
        provider: this.#unwrapper(key),
        wrap: { name: key.name, version, ciphertext },
        sick: this.#isSick(key.name),
      }))
    );
    if (holders.length > 0) return holders;
    const names = wraps.map(({ written }) => `"${written}"`).join(", ");
    throw new KmsError(
      "key_unknown",
      `Cannot decrypt: readForeign names no provider of ours for ${names} of ${format}.`,
    );
  }

  #unwrapper({ name, context, keyVersion }: ForeignKey): Unwrapper {
    const provider = this.#providers.get(name);
    return {
      name,
      unwrap: async ({ ciphertext }, call) => {
        const bound = context === undefined ? {} : { context };
        const pinned = keyVersion === undefined ? {} : { keyVersion };
        const opened = await provider?.unwrap({ ciphertext, ...bound, ...pinned }, call);
        if (opened === undefined) throw refused(name, "it reads nothing that others wrote");
        if (isTagged(opened)) throw refused(name, "this is a wrapped data key of Trousseau's, and nobody else's data");
        if (opened.length !== seedBytes) throw refused(name, `what it opened is no seed of ${seedBytes} bytes`);
        return opened;
      },
    };
  }
}

function refused(name: string, why: string): KmsError {
  return new KmsError("integrity", `Cannot decrypt with provider "${name}": ${why}.`);
}
