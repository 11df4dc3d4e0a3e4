/**
 * A KEK in Azure Key Vault or Managed HSM.
 *
 * It speaks Key Vault's REST API over the HTTP of this room instead of `@azure/keyvault-keys` and `@azure/identity`:
 * `docs/dependencies.md` says what that would add. Those two prove this provider in tests instead.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import type { HttpCall } from "../../net/https/endpoint.ts";
import { oneByOne, type RemoteKey } from "../concurrency_limit.ts";
import type { ForeignCiphertext, KeyState, Provider, ProviderContext, WrappedDek } from "../provider.ts";
import { type Algorithm, isRsaSize, unwrapAlgorithms } from "./algorithms.ts";
import { KeyVaultKey } from "./key.ts";
import type { AzureKeyVaultSettings, OldAlgorithm } from "./settings.ts";
import { KeyVault } from "./vault.ts";

/** What Microsoft's own plugin encrypted with over v1beta1, and the original Trousseau with it. */
const foreignAlgorithm = "RSA1_5";
/** Bytes: a data key of kube-apiserver's. */
const foreignSeed = 32;

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
  readonly #key: KeyVaultKey;
  readonly #old: readonly OldAlgorithm[];

  constructor(settings: AzureKeyVaultSettings, vault: KeyVault) {
    this.#vault = vault;
    this.#key = new KeyVaultKey(vault, settings);
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
    return await this.#unwrap(version, ciphertext, unwrapAlgorithms(ciphertext, this.#old), call);
  }

  /**
   * For RSA keys Key Vault's decrypt and unwrapKey are the same, so that no other right is needed.
   *
   * Whatever is amiss with the bytes is one sentence: whoever could tell wrong padding from a wrong plaintext could have
   * the key decrypt for him (Bleichenbacher 1998; RFC 8017, section 7.2.2).
   */
  async unwrapForeign({ ciphertext, context, keyVersion }: ForeignCiphertext, call: HttpCall): Promise<Uint8Array> {
    const refused = new KmsError(
      "integrity",
      `Cannot ${call.action}: this key version has encrypted no seed to these bytes.`,
    );
    if (keyVersion === undefined || context !== undefined || !isRsaSize(ciphertext)) throw refused;
    try {
      const opened = await this.#unwrap(keyVersion, ciphertext, [foreignAlgorithm], call);
      if (opened.length === foreignSeed) return opened;
    } catch (thrown) {
      if (!(thrown instanceof KmsError) || thrown.code !== "integrity") throw thrown;
    }
    throw refused;
  }

  remarks(versions: readonly string[], call: HttpCall): Promise<readonly string[]> {
    return this.#key.remarks(versions, call);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#vault[Symbol.asyncDispose]();
  }

  /** @param algorithms what may have wrapped it, in the order to be tried. */
  async #unwrap(
    version: string,
    ciphertext: Uint8Array,
    algorithms: readonly Algorithm[],
    call: HttpCall,
  ): Promise<Uint8Array> {
    const why = "these bytes are of a size that no key in Key Vault gives";
    let refused = new KmsError("integrity", `Cannot ${call.action}: ${why}.`);
    for (const algorithm of algorithms) {
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
