/**
 * Opens seeds of stored objects with the providers of a configuration, without a plugin and without its state folder.
 *
 * @module
 */
import { hex } from "../base/bytes.ts";
import { systemClock } from "../base/clock.ts";
import { deadline } from "../base/deadline.ts";
import { KmsError, toKmsError } from "../base/errors.ts";
import { ResourceStack } from "../base/resource_stack.ts";
import { Waits } from "../base/waits.ts";
import type { EncryptedObject } from "../cluster/objects/encrypted_object.ts";
import type { Config, ProviderConfig } from "../config/config.ts";
import { decodeEnvelope, decodeFrame, type EnvelopeFrame } from "../envelope/format.ts";
import { ForeignReader } from "../envelope/foreign.ts";
import { Latencies } from "../envelope/latency.ts";
import { openSeed } from "../envelope/seal.ts";
import { dekUnwrapper } from "../envelope/unwrap.ts";
import { decodeAnnotations, foreignBytes, isReferenceTo } from "../envelope/wrap.ts";
import { decorate } from "../provider/decorated.ts";
import type { CheckedProvider } from "../provider/provider.ts";
import { canUnwrap, openProvider } from "../provider/registry.ts";
import type { Notify } from "../telemetry/events.ts";

/** Milliseconds for one seed by one provider. */
const openMs = 10_000;

/** A provider that can unwrap. */
interface OfflineProvider {
  readonly name: string;
  readonly names: readonly string[];
  /** The error if it cannot be used, for instance since its key file is gone. */
  readonly provider: CheckedProvider | KmsError;
  readonly foreign: ForeignReader | undefined;
  /** The data key of each reference, or the error of its unwrap: each is asked for once. */
  readonly deks: Map<string, Promise<Uint8Array | KmsError>>;
}

/** See the module. */
export class OfflineDecryptor implements AsyncDisposable {
  readonly #opened: AsyncDisposable;
  readonly #providers: readonly OfflineProvider[];

  private constructor(opened: AsyncDisposable, providers: readonly OfflineProvider[]) {
    this.#opened = opened;
    this.#providers = providers;
  }

  /**
   * Opens the providers. No local key is created, no state is written, and no credential is used up. A provider that
   * cannot be opened is kept with its error, since another one may open the data.
   */
  static async open(config: Config, notify: Notify): Promise<OfflineDecryptor> {
    await using opened = new ResourceStack();
    const providers: OfflineProvider[] = [];
    for (const configured of [...config.providers, ...config.retired]) {
      const { name, formerly, settings } = configured;
      if (!canUnwrap(settings)) continue;
      const provider = await openOffline(configured, notify).catch(toKmsError);
      const isOpen = !(provider instanceof KmsError);
      if (isOpen) opened.use(provider);
      const foreign = isOpen ? foreignReaderOf(config, provider, notify) : undefined;
      providers.push({ name, names: [name, ...formerly], provider, foreign, deks: new Map() });
    }
    return new OfflineDecryptor(opened.move(), providers);
  }

  /** The providers that can unwrap. */
  get names(): readonly string[] {
    return this.#providers.map(({ name }) => name);
  }

  /**
   * The seed of an object by one provider alone.
   *
   * @returns `undefined` if the provider did not wrap its data key.
   * @throws {KmsError} the provider's error; `integrity` if the bytes were changed, or its data key does not fit.
   */
  async openBy(name: string, object: EncryptedObject, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const holder = this.#providers.find((one) => one.name === name);
    if (holder === undefined) throw new KmsError("internal", `There is no provider "${name}".`);
    const { api, keyId, ciphertext, annotations } = object;
    const { provider, foreign } = holder;
    const format = foreign?.formatOf({ keyId, ciphertext, annotations }, api);
    if (foreign !== undefined && format !== undefined) {
      using limit = deadline(openMs, signal);
      return (await foreign.read(format, { keyId, ciphertext, annotations }, api, limit)).seed;
    }
    const { keyId: sealedUnder, wraps, envelope } = parse(object);
    const reference = hex(envelope.reference);
    if (!isReferenceTo(reference, wraps)) throw foreignBytes("the wraps are not those of the envelope");
    const wrap = wraps.find((one) => holder.names.includes(one.name));
    if (wrap === undefined) return undefined;
    if (provider instanceof KmsError) throw provider;
    const dek = await dekOf(holder, `${api} ${reference}`, async () => {
      using limit = deadline(openMs, signal);
      const { version, ciphertext } = wrap;
      return await dekUnwrapper(provider, api).unwrap({ version, ciphertext }, { signal: limit.signal });
    });
    const { threshold } = envelope;
    const context = { purpose: api, threshold, keyId: sealedUnder, reference: envelope.reference };
    const seed = openSeed(dek, envelope, context);
    if (seed !== undefined) return seed;
    throw doesNotFit(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { deks, foreign } of this.#providers) {
      foreign?.[Symbol.dispose]();
      for (const dek of deks.values()) {
        const known = await dek;
        if (known instanceof Uint8Array) known.fill(0);
      }
      deks.clear();
    }
    await this.#opened[Symbol.asyncDispose]();
  }
}

async function dekOf(
  { name, deks }: OfflineProvider,
  id: string,
  unwrap: () => Promise<Uint8Array | undefined>,
): Promise<Uint8Array> {
  const known = deks.get(id) ?? unwrap().then((dek) => dek ?? doesNotFit(name), toKmsError);
  deks.set(id, known);
  const dek = await known;
  if (dek instanceof KmsError) throw dek;
  return dek;
}

function doesNotFit(name: string): KmsError {
  return new KmsError("integrity", `Cannot decrypt: the data key of provider "${name}" does not fit.`);
}

function parse({ api, keyId, ciphertext, annotations }: EncryptedObject): EnvelopeFrame {
  if (api === "v1beta1") return decodeFrame(ciphertext, api);
  return { keyId, wraps: decodeAnnotations(annotations), envelope: decodeEnvelope(ciphertext) };
}

async function openOffline({ settings }: ProviderConfig, notify: Notify): Promise<CheckedProvider> {
  const context = { notify, readOnlyState: true, waits: new Waits() };
  const existing = settings.kind === "local" ? { ...settings, create: false } : settings;
  return decorate(await openProvider(existing, context), context);
}

function foreignReaderOf(config: Config, provider: CheckedProvider, notify: Notify): ForeignReader {
  return new ForeignReader({
    sources: config.readForeign.flatMap((source) => {
      const providers = source.providers.filter(({ name }) => name === provider.name);
      return providers.length === 0 ? [] : [{ ...source, providers }];
    }),
    providers: [provider],
    isSick: () => false,
    cache: config.cache,
    clock: systemClock,
    strategy: "ordered",
    latencies: new Latencies(),
    lastGoodAt: () => undefined,
    notify,
  });
}
