/**
 * A KEK in Azure Key Vault or Managed HSM.
 *
 * It speaks Key Vault's REST API over the HTTP of this room instead of `@azure/keyvault-keys` and `@azure/identity`: the
 * README says what that would add. Those two prove this provider in tests instead.
 *
 * @module
 */
import { KmsError } from "../../errors.ts";
import { Batcher } from "../batching.ts";
import type { HttpCall } from "../https/endpoint.ts";
import type { CallOptions, KeyState, Provider, ProviderContext, WrappedDek } from "../provider.ts";
import { unwrapAlgorithms } from "./algorithms.ts";
import { VaultKey } from "./key.ts";
import type { AzureKeyVaultSettings, OldAlgorithm } from "./settings.ts";
import { KeyVault } from "./vault.ts";

/** Key Vault takes one key in a request; so many requests are in flight for each verb, and the rest wait. */
const queueing = { inFlight: 16, size: 1 } as const;

interface WrapItem {
  readonly version: string;
  readonly dek: Uint8Array;
}

interface UnwrapItem {
  readonly version: string;
  readonly ciphertext: Uint8Array;
}

/**
 * Opens a key; the first call logs in.
 *
 * @throws {KmsError} `config` if the CA file cannot be used.
 */
export async function openAzureKeyVault(settings: AzureKeyVaultSettings, context: ProviderContext): Promise<Provider> {
  return new AzureKeyVault(settings, await KeyVault.open(settings, context), context);
}

class AzureKeyVault implements Provider {
  readonly name: string;
  readonly kind = "azure-key-vault";
  readonly #vault: KeyVault;
  readonly #key: VaultKey;
  readonly #old: readonly OldAlgorithm[];
  readonly #wraps: Batcher<WrapItem, Uint8Array>;
  readonly #unwraps: Batcher<UnwrapItem, Uint8Array>;

  constructor(settings: AzureKeyVaultSettings, vault: KeyVault, { notify }: ProviderContext) {
    const { name: provider } = settings;
    this.name = provider;
    this.#vault = vault;
    this.#key = new VaultKey(vault, settings);
    this.#old = settings.unwrapAlgorithms;
    this.#wraps = new Batcher({
      ...queueing,
      provider,
      verb: "wrap",
      notify,
      send: (items, signal) => this.#each(items, (item) => this.#wrap(item, this.#call("wrap", signal))),
    });
    this.#unwraps = new Batcher({
      ...queueing,
      provider,
      verb: "unwrap",
      notify,
      send: (items, signal) => this.#each(items, (item) => this.#unwrap(item, this.#call("unwrap", signal))),
    });
  }

  probe({ signal }: CallOptions): Promise<KeyState> {
    return this.#key.probe(this.#call("probe", signal));
  }

  async wrap(dek: Uint8Array, at: KeyState, { signal }: CallOptions): Promise<WrappedDek> {
    const { action } = this.#call("wrap", signal);
    const version = this.#key.versionOf(at.version);
    if (version === undefined) {
      throw new KmsError("internal", `Cannot ${action}: the version is not one of this key's.`);
    }
    return { version: at.version, ciphertext: await this.#wraps.call({ version, dek }, signal) };
  }

  async unwrap({ version: name, ciphertext }: WrappedDek, { signal }: CallOptions): Promise<Uint8Array> {
    const { action } = this.#call("unwrap", signal);
    const version = this.#key.versionOf(name);
    if (version === undefined) {
      throw new KmsError("key_unknown", `Cannot ${action}: the version that wrapped these bytes is not this key's.`);
    }
    return await this.#unwraps.call({ version, ciphertext }, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#vault[Symbol.asyncDispose]();
  }

  #call(verb: "probe" | "wrap" | "unwrap", signal: AbortSignal): HttpCall {
    return { signal, action: `${verb} with provider "${this.name}"` };
  }

  #each<Item>(items: readonly Item[], work: (item: Item) => Promise<Uint8Array>): Promise<readonly Uint8Array[]> {
    return Promise.all(items.map(work));
  }

  #wrap({ version, dek }: WrapItem, call: HttpCall): Promise<Uint8Array> {
    return this.#key.wrap(version, dek, call);
  }

  async #unwrap({ version, ciphertext }: UnwrapItem, call: HttpCall): Promise<Uint8Array> {
    const why = "these bytes are of a size that no key in Key Vault gives";
    let refused = new KmsError("integrity", `Cannot ${call.action}: ${why}.`);
    for (const algorithm of unwrapAlgorithms(ciphertext, this.#old)) {
      try {
        return await this.#key.unwrap(version, ciphertext, algorithm, call);
      } catch (thrown) {
        if (!(thrown instanceof KmsError) || thrown.code !== "integrity") throw thrown;
        refused = thrown;
      }
    }
    throw refused;
  }
}
