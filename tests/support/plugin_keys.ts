/**
 * The keys of a KMS v2 plugin of the tests: real AES-256-GCM, versions, and the operations of an administrator.
 *
 * @module
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { concat, lengthPrefixed, utf8 } from "../../lib/base/bytes.ts";
import type { EncryptResponse } from "../../lib/api/kms/messages.ts";
import { KmsError } from "../../lib/base/errors.ts";

interface Key {
  readonly secret: Uint8Array;
  disabled: boolean;
}

const nonceKey = "nonce.double.test";

/** The keys. Each version has its own key_id. The nonce is sent as an annotation, so that decryption requires it. */
export class PluginKeys {
  /** Makes a key_id from a lineage and a version number. */
  naming = (lineage: number, version: number): string => `key-${lineage}-${version}`;
  readonly #keys = new Map<string, Key>();
  #lineage = 0;
  #version = 0;
  #current = "";

  constructor() {
    this.create();
  }

  /** The key_id of the version that encrypts; empty if there is none. */
  get current(): string {
    return this.#current;
  }

  create(): void {
    this.#lineage++;
    this.rotate();
  }

  rotate(): void {
    this.#current = this.naming(this.#lineage, ++this.#version);
    this.#keys.set(this.#current, { secret: randomBytes(32), disabled: false });
  }

  /** Makes an older version encrypt again, as the restore of a backup does. */
  goBackTo(keyId: string): void {
    this.#current = keyId;
  }

  disable(): void {
    this.#key(this.#current).disabled = true;
  }

  remove(): void {
    this.#keys.clear();
    this.#current = "";
  }

  /** @throws {KmsError} `key_unknown` or `key_unusable`. */
  status(): string {
    this.#key(this.#current);
    return this.#current;
  }

  encrypt(plaintext: Uint8Array): EncryptResponse {
    if (plaintext.length === 0 || plaintext.length > 900) throw refused("the plaintext");
    const { secret } = this.#key(this.#current);
    const nonce = new Uint8Array(randomBytes(12));
    const cipher = createCipheriv("aes-256-gcm", secret, nonce).setAAD(utf8(this.#current));
    const ciphertext = concat(cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
    return { ciphertext, key_id: this.#current, annotations: { [nonceKey]: nonce } };
  }

  decrypt({ ciphertext, key_id: keyId, annotations }: EncryptResponse): Uint8Array {
    const { secret } = this.#key(keyId);
    const nonce = annotations[nonceKey];
    if (nonce?.length !== 12 || Object.keys(annotations).length !== 1 || ciphertext.length < 17) throw refused("it");
    const decipher = createDecipheriv("aes-256-gcm", secret, nonce).setAAD(utf8(keyId));
    decipher.setAuthTag(ciphertext.subarray(-16));
    try {
      return concat(decipher.update(ciphertext.subarray(0, -16)), decipher.final());
    } catch {
      throw refused("it");
    }
  }

  /** Encrypts to one ciphertext with all parts, as v1beta1 requires. */
  seal(plaintext: Uint8Array): Uint8Array {
    const { ciphertext, key_id: keyId, annotations } = this.encrypt(plaintext);
    return lengthPrefixed(utf8(keyId), annotations[nonceKey] ?? new Uint8Array(), ciphertext);
  }

  /** @throws {KmsError} as {@linkcode PluginKeys.decrypt}. */
  open(cipher: Uint8Array): Uint8Array {
    const view = new DataView(cipher.buffer, cipher.byteOffset, cipher.byteLength);
    const fields: Uint8Array[] = [];
    for (let at = 0; at < cipher.length;) {
      if (at + 4 > cipher.length || at + 4 + view.getUint32(at) > cipher.length) throw refused("it");
      fields.push(cipher.subarray(at + 4, at + 4 + view.getUint32(at)));
      at += 4 + view.getUint32(at);
    }
    const [keyId, nonce, ciphertext] = fields;
    if (fields.length !== 3 || !keyId || !nonce || !ciphertext) throw refused("it");
    return this.decrypt({ key_id: new TextDecoder().decode(keyId), ciphertext, annotations: { [nonceKey]: nonce } });
  }

  #key(keyId: string): Key {
    const key = this.#keys.get(keyId);
    if (key === undefined) throw new KmsError("key_unknown", "There is no such key.");
    if (key.disabled) throw new KmsError("key_unusable", "The key is disabled.");
    return key;
  }
}

function refused(what: string): KmsError {
  return new KmsError("request_invalid", `Cannot use ${what}.`);
}
