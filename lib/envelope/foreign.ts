/**
 * Reads what another plugin wrote, with the keys that the operator allows for it and with no other.
 *
 * What comes back is 32 bytes, a seed or a data key of kube-apiserver's, or nothing: whoever can write to etcd can hand in
 * anything that the key ever encrypted, our own wrapped data keys above all.
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

/** A format that is read, and with which of our keys. */
export interface ForeignSource {
  readonly format: ForeignFormat;
  readonly providers: readonly ForeignKey[];
  /** aws-encryption-provider: whether blobs without the leading byte are taken under v1beta1. */
  readonly unprefixed?: boolean;
}

/** One of our providers that may open what another plugin wrote. */
export interface ForeignKey {
  /** The name that stands for it in the data; `""` where the format has no such name. */
  readonly written: string;
  /** Our name for it. */
  readonly name: string;
  /** What the other plugin had the ciphertext bound to, where the vendor has such a thing. */
  readonly context?: Readonly<Record<string, string>>;
  /** The version of the key that the other plugin was told to use, where the vendor has to be told. */
  readonly keyVersion?: string;
}

/** What a reader is made of. */
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

/** Bytes: what kube-apiserver has ever had wrapped, a seed (v2) or a data key (v1beta1). */
const seedBytes = 32;

/** One for the whole plugin; without sources it recognises nothing. */
export class ForeignReader implements Disposable {
  readonly #sources: ReadonlyMap<ForeignFormat, ForeignSource>;
  readonly #providers: ReadonlyMap<string, Pick<CheckedProvider, "name" | "unwrap">>;
  readonly #isSick: (name: string) => boolean;
  readonly #source: DekResolver;

  constructor({ sources, providers, isSick, cache, notify, ...options }: ForeignReaderOptions) {
    this.#sources = new Map(sources.map((source) => [source.format, source]));
    this.#providers = new Map(providers.map((provider) => [provider.name, provider]));
    this.#isSick = isSick;
    // A cache of its own: under v1beta1 there is a key for each object, and they would drive out our own few.
    const quiet: Notify = (event) => event.type === "cache_size" ? undefined : notify(event);
    this.#source = new DekResolver({
      ...options,
      cache: new UnwrapCache(cache, options.clock, quiet),
      // What opens to something else was stored so, and is no provider's fault.
      onMismatch: () => {},
    });
    for (const { format, providers: keys } of sources) {
      notify({ type: "foreign", format, providers: keys.map(({ name }) => name) });
    }
  }

  /** Whose it is by how it begins; `undefined` for what is ours or is not to be read. */
  formatOf({ ciphertext }: ForeignSealed, api: KmsApi): ForeignFormat | undefined {
    if (beginsAsOurs(ciphertext, api)) return undefined;
    return foreignFormats.find((format) => {
      const source = this.#sources.get(format);
      return source !== undefined && isOfFormat(format, ciphertext, api, source);
    });
  }

  /**
   * Opens it.
   *
   * @throws {KmsError} `integrity` for what the other plugin cannot have written as it stands, and for what is no seed;
   *   `key_unknown` if no configured provider may open it; a provider's error.
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
