/**
 * A KEK in AWS KMS.
 *
 * The AWS SDK signs requests, knows the endpoints of all Regions and reads answers. Connections and credentials are this
 * room's: the SDK's own would read the environment and the home folder, ask the machine's metadata service without being
 * told to, and start processes.
 *
 * @module
 */
import { Batcher } from "../batching.ts";
import type { HttpCall } from "../https/endpoint.ts";
import type { CallOptions, ForeignCiphertext, KeyState, Provider, ProviderContext, WrappedDek } from "../provider.ts";
import { KmsKey } from "./key.ts";
import { KmsSession } from "./session.ts";
import type { AwsKmsSettings } from "./settings.ts";

/** KMS takes one key in a request; so many requests are in flight for each verb, and the rest wait. */
const queueing = { inFlight: 16, size: 1 } as const;

interface WrapItem {
  readonly dek: Uint8Array;
  readonly at: KeyState;
}

type UnwrapItem = WrappedDek | { readonly foreign: ForeignCiphertext };

/**
 * Opens a key; the first call gets credentials.
 *
 * @throws {KmsError} `config` if the CA file cannot be used, or a profile is none that works without starting a process.
 */
export async function openAwsKms(settings: AwsKmsSettings, context: ProviderContext): Promise<Provider> {
  return new AwsKms(settings, await KmsSession.open(settings, context), context);
}

class AwsKms implements Provider {
  readonly name: string;
  readonly kind = "aws-kms";
  readonly #session: KmsSession;
  readonly #key: KmsKey;
  readonly #wraps: Batcher<WrapItem, WrappedDek>;
  readonly #unwraps: Batcher<UnwrapItem, Uint8Array>;

  constructor(settings: AwsKmsSettings, session: KmsSession, { notify }: ProviderContext) {
    const { name: provider } = settings;
    this.name = provider;
    this.#session = session;
    this.#key = new KmsKey(session, settings);
    this.#wraps = new Batcher({
      ...queueing,
      provider,
      verb: "wrap",
      notify,
      send: (items, signal) => each(items, ({ dek, at }) => this.#key.wrap(dek, at, this.#call("wrap", signal))),
    });
    this.#unwraps = new Batcher({
      ...queueing,
      provider,
      verb: "unwrap",
      notify,
      send: (items, signal) => each(items, (item) => this.#open(item, this.#call("unwrap", signal))),
    });
  }

  probe({ signal }: CallOptions): Promise<KeyState> {
    return this.#key.probe(this.#call("probe", signal));
  }

  wrap(dek: Uint8Array, at: KeyState, { signal }: CallOptions): Promise<WrappedDek> {
    return this.#wraps.call({ dek, at }, signal);
  }

  unwrap(wrapped: WrappedDek, { signal }: CallOptions): Promise<Uint8Array> {
    return this.#unwraps.call(wrapped, signal);
  }

  unwrapForeign(foreign: ForeignCiphertext, { signal }: CallOptions): Promise<Uint8Array> {
    return this.#unwraps.call({ foreign }, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }

  #open(item: UnwrapItem, call: HttpCall): Promise<Uint8Array> {
    return "foreign" in item ? this.#key.unwrapForeign(item.foreign, call) : this.#key.unwrap(item, call);
  }

  #call(verb: "probe" | "wrap" | "unwrap", signal: AbortSignal): HttpCall {
    return { signal, action: `${verb} with provider "${this.name}"` };
  }
}

function each<Item, Out>(items: readonly Item[], work: (item: Item) => Promise<Out>): Promise<readonly Out[]> {
  return Promise.all(items.map(work));
}
