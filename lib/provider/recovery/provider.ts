/**
 * A provider that wraps to public keys. Their private keys lie in a safe and not on any machine, so that the data
 * outlives every KMS.
 *
 * It wraps and cannot unwrap: it counts in no quorum and is no holder of a data key. With the private key of a
 * recipient, which `--recovery-key` gives for the time of a recovery, it unwraps.
 *
 * @module
 */
import { compareTexts, hex, sha256Hex, utf8 } from "../../base/bytes.ts";
import { abortError, orAborted } from "../../base/deadline.ts";
import { type ErrorCode, KmsError } from "../../base/errors.ts";
import {
  type CallOptions,
  type KeyState,
  type Provider,
  type ProviderContext,
  providerLimits,
  type WrappedDek,
} from "../provider.ts";
import { Hpke, type RecoveryKeyPair } from "./hpke.ts";
import { parsePrivateKey, recipientFingerprint } from "./key_text.ts";
import type { RecoverySettings } from "./settings.ts";
import { decodeRecoveryWrap, encodeRecoveryWrap, isRecipient, recipientId } from "./wrap_format.ts";

/**
 * Opens the recipients of a recovery provider.
 *
 * @throws {KmsError} `config` if a public key is none; if the private key is none, or not that of a recipient.
 */
export async function openRecovery(settings: RecoverySettings, _context: ProviderContext): Promise<Provider> {
  const hpke = new Hpke();
  for (const recipient of settings.recipients) {
    if (await hpke.isPublicKey(recipient)) continue;
    throw new KmsError(
      "config",
      `Cannot open provider "${settings.name}": its recipient ${
        recipientFingerprint(recipient)
      } is no public key that ` +
        "trousseau recovery public prints; nothing can be wrapped to it, so print it again from the paper.",
    );
  }
  const pair = settings.privateKey === undefined ? undefined : await readPrivateKey(settings, hpke);
  return new RecoveryProvider(settings, hpke, pair);
}

/**
 * The version of a set of recipients, which does not depend on their order: `recovery-` and 32 hexadecimal digits. It is a
 * hash of the IDs that a wrap contains, so that a wrap under another version is refused.
 *
 * @param ids of {@linkcode recipientId}.
 */
export function recoveryVersion(ids: readonly Uint8Array[]): string {
  return `recovery-${sha256Hex(utf8(ids.map(hex).sort(compareTexts).join(" "))).slice(0, 32)}`;
}

async function readPrivateKey(settings: RecoverySettings, hpke: Hpke): Promise<RecoveryKeyPair> {
  const { name, recipients, privateKey: source } = settings;
  const text = (await source?.read())?.reveal() ?? "";
  const key = parsePrivateKey(text);
  const refused = (why: string) =>
    new KmsError("config", `Cannot open provider "${name}": the recovery key in ${source?.description} ${why}.`);
  if (key === undefined) throw refused("is not one that trousseau recovery new prints; compare each character");
  const pair = await hpke.keyPairOf(key);
  const id = recipientId(pair.publicKey);
  if (recipients.some((recipient) => isRecipient(id, recipient))) return pair;
  throw refused("belongs to none of its recipients; take the key of one of them, or correct recipients");
}

class RecoveryProvider implements Provider {
  readonly name: string;
  readonly kind = "recovery";
  readonly canUnwrap: boolean;
  readonly #recipients: readonly Uint8Array[];
  readonly #version: string;
  readonly #hpke: Hpke;
  #pair: RecoveryKeyPair | undefined;
  #closed = false;

  constructor({ name, recipients }: RecoverySettings, hpke: Hpke, pair: RecoveryKeyPair | undefined) {
    this.name = name;
    this.#recipients = recipients;
    this.#version = recoveryVersion(recipients.map(recipientId));
    this.#hpke = hpke;
    this.#pair = pair;
    this.canUnwrap = pair !== undefined;
  }

  probe({ signal }: CallOptions): Promise<KeyState> {
    return this.#open("probe", signal, () => Promise.resolve({ version: this.#version }));
  }

  wrap(dek: Uint8Array, at: KeyState, { signal }: CallOptions): Promise<WrappedDek> {
    return this.#open("wrap", signal, async () => {
      if (dek.length === 0 || dek.length > providerLimits.dek) {
        throw this.#failure("request_invalid", "wrap", `a data key has 1 to ${providerLimits.dek} bytes`);
      }
      if (at.version !== this.#version) {
        throw this.#failure("key_unknown", "wrap", "these are not its recipients");
      }
      const sealed = this.#recipients.map(async (recipient) => {
        return { id: recipientId(recipient), ...await this.#hpke.seal(recipient, dek) };
      });
      return { version: this.#version, ciphertext: encodeRecoveryWrap(await Promise.all(sealed)) };
    });
  }

  unwrap({ version, ciphertext }: WrappedDek, { signal }: CallOptions): Promise<Uint8Array> {
    return this.#open("unwrap", signal, async () => {
      const pair = this.#pair;
      if (pair === undefined) {
        throw this.#failure("key_unusable", "unwrap", "its private keys are in a safe; give one with --recovery-key");
      }
      const wraps = decodeRecoveryWrap(ciphertext);
      if (wraps === undefined || version !== recoveryVersion(wraps.map(({ id }) => id))) {
        throw this.#failure("integrity", "unwrap", "these are not bytes that it wrapped");
      }
      const own = wraps.find(({ id }) => isRecipient(id, pair.publicKey));
      if (own === undefined) throw this.#failure("key_unknown", "unwrap", "they were not wrapped to this recovery key");
      const dek = await this.#hpke.open(pair.privateKey, own);
      if (dek === undefined) throw this.#failure("integrity", "unwrap", "these are not bytes that it wrapped");
      return dek;
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#pair?.privateKey.fill(0);
    this.#pair = undefined;
    return Promise.resolve();
  }

  async #open<T>(verb: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const action = `${verb} with provider "${this.name}"`;
    if (signal.aborted) throw abortError(signal, action);
    if (this.#closed) throw this.#failure("cancelled", verb, "it is closed");
    return await orAborted(work(), signal, action);
  }

  #failure(code: ErrorCode, verb: string, why: string): KmsError {
    const action = `${verb} with provider "${this.name}"`;
    return new KmsError(code, `Cannot ${action}: ${why}.`);
  }
}
