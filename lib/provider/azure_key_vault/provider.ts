/**
 * A KEK in Azure Key Vault or Managed HSM.
 *
 * It uses Key Vault's REST API over the HTTP client of this project instead of `@azure/keyvault-keys` and
 * `@azure/identity`: `docs/dependencies.md` has the reasons. Tests verify this provider against those two.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import type { HttpCall } from "../../net/https/endpoint.ts";
import { limitConcurrency, type RemoteKey } from "../concurrency_limit.ts";
import type { KeyExamination } from "../key_findings.ts";
import type { ForeignCiphertext, KeyState, Provider, ProviderContext, WrappedDek } from "../provider.ts";
import { type Algorithm, isRsaSize, unwrapAlgorithms } from "./algorithms.ts";
import { KeyVaultKey } from "./key.ts";
import type { AzureKeyVaultSettings, OldAlgorithm } from "./settings.ts";
import { KeyVault } from "./vault.ts";

/** The algorithm of Microsoft's own plugin under v1beta1, and of the original Trousseau with it. */
const foreignAlgorithm = "RSA1_5";
/** Bytes of a data key of kube-apiserver. */
const foreignSeed = 32;

/**
 * Opens a key. The first call logs in.
 *
 * @throws {KmsError} `config` if the CA file cannot be used.
 */
export async function openAzureKeyVault(settings: AzureKeyVaultSettings, context: ProviderContext): Promise<Provider> {
  const vault = await KeyVault.open(settings, context);
  return limitConcurrency(settings, new AzureKey(settings, vault), context.notify);
}

/** The key with the recorded names of its versions, and the algorithms of recorded data. */
class AzureKey implements RemoteKey {
  readonly #vault: KeyVault;
  readonly #key: KeyVaultKey;
  readonly #old: readonly OldAlgorithm[];
  readonly #settings: AzureKeyVaultSettings;

  constructor(settings: AzureKeyVaultSettings, vault: KeyVault) {
    this.#vault = vault;
    this.#settings = settings;
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
   * For RSA keys Key Vault's decrypt and unwrapKey are the same operation, so that no other permission is needed.
   *
   * There is one message for all defects of the bytes: an attacker who could distinguish wrong padding from a wrong
   * plain text could use the key for decryption (Bleichenbacher 1998; RFC 8017, section 7.2.2).
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

  async examine(names: readonly string[], call: HttpCall): Promise<KeyExamination> {
    const { examineKeyVaultKey } = await import("./examination.ts");
    const versions = names.map((name) => this.#key.versionOf(name)).filter((version) => version !== undefined);
    return await examineKeyVaultKey(this.#settings, this.#vault, versions, call);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#vault[Symbol.asyncDispose]();
  }

  /** @param algorithms that may have wrapped it, in the order to be tried. */
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
