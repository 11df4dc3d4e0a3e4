/**
 * A KEK in Azure Key Vault or Managed HSM.
 *
 * It speaks Key Vault's REST API over the HTTP of this room instead of `@azure/keyvault-keys` and `@azure/identity`: the
 * README says what that would add. Those two prove this provider in tests instead.
 *
 * @module
 */
import { KmsError } from "../../errors.ts";
import type { HttpCall } from "../https/endpoint.ts";
import { oneByOne, type RemoteKey } from "../one_by_one.ts";
import type { KeyState, Provider, ProviderContext, WrappedDek } from "../provider.ts";
import { unwrapAlgorithms } from "./algorithms.ts";
import { VaultKey } from "./key.ts";
import type { AzureKeyVaultSettings, OldAlgorithm } from "./settings.ts";
import { KeyVault } from "./vault.ts";

/**
 * Opens a key; the first call logs in.
 *
 * @throws {KmsError} `config` if the CA file cannot be used.
 */
export async function openAzureKeyVault(settings: AzureKeyVaultSettings, context: ProviderContext): Promise<Provider> {
  const vault = await KeyVault.open(settings, context);
  return oneByOne(settings, new AzureKey(settings, vault), context.notify);
}

/** Names of versions as they are recorded, and the algorithms that may have wrapped what is recorded. */
class AzureKey implements RemoteKey {
  readonly #vault: KeyVault;
  readonly #key: VaultKey;
  readonly #old: readonly OldAlgorithm[];

  constructor(settings: AzureKeyVaultSettings, vault: KeyVault) {
    this.#vault = vault;
    this.#key = new VaultKey(vault, settings);
    this.#old = settings.unwrapAlgorithms;
  }

  probe(call: HttpCall): Promise<KeyState> {
    return this.#key.probe(call);
  }

  async wrap(dek: Uint8Array, at: KeyState, call: HttpCall): Promise<WrappedDek> {
    const version = this.#key.versionOf(at.version);
    if (version === undefined) {
      throw new KmsError("internal", `Cannot ${call.action}: the version is not one of this key's.`);
    }
    return { version: at.version, ciphertext: await this.#key.wrap(version, dek, call) };
  }

  async unwrap({ version: name, ciphertext }: WrappedDek, call: HttpCall): Promise<Uint8Array> {
    const version = this.#key.versionOf(name);
    if (version === undefined) {
      throw new KmsError(
        "key_unknown",
        `Cannot ${call.action}: the version that wrapped these bytes is not this key's.`,
      );
    }
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#vault[Symbol.asyncDispose]();
  }
}
