/**
 * HPKE (RFC 9180) in base mode with suite 0x647a, 0x0001, 0x0002: X-Wing of draft-connolly-cfrg-xwing-kem-06,
 * HKDF-SHA-256, AES-256-GCM. X-Wing joins X25519 and ML-KEM-768: a wrap stays secret while one of the two holds.
 *
 * @module
 */
import { Aes256Gcm, CipherSuite, HkdfSha256 } from "@hpke/core";
import { XWing } from "@hpke/hybridkem-x-wing";
import { utf8 } from "../../base/bytes.ts";

/** Bytes of an encapsulated key, and of the tag behind a sealed data key. */
export const hpkeSizes = { encapsulated: 1120, tag: 16 } as const;

const info = utf8("trousseau recovery 1");

/** A data key that is sealed to one public key. */
export interface HpkeSealed {
  /** 1,120 bytes. */
  readonly encapsulated: Uint8Array;
  /** As long as the data key, and 16 bytes. */
  readonly ciphertext: Uint8Array;
}

/** A key pair of X-Wing. */
export interface RecoveryKeyPair {
  /** 32 bytes. */
  readonly privateKey: Uint8Array;
  /** 1,216 bytes. */
  readonly publicKey: Uint8Array;
}

/** Seals and opens with one suite. */
export class Hpke {
  readonly #kem = new XWing();
  readonly #suite = new CipherSuite({ kem: this.#kem, kdf: new HkdfSha256(), aead: new Aes256Gcm() });

  /** A new key pair from the system's random numbers. */
  async newKeyPair(): Promise<RecoveryKeyPair> {
    return await this.keyPairOf(crypto.getRandomValues(new Uint8Array(32)));
  }

  /** The key pair of a private key, 32 bytes. */
  async keyPairOf(privateKey: Uint8Array): Promise<RecoveryKeyPair> {
    const pair = await this.#kem.generateKeyPairDerand(privateKey);
    return { privateKey, publicKey: new Uint8Array(await this.#kem.serializePublicKey(pair.publicKey)) };
  }

  /** Whether data keys can be sealed to 1,216 bytes: not all of them are keys of ML-KEM-768 and X25519. */
  async isPublicKey(publicKey: Uint8Array): Promise<boolean> {
    return await this.seal(publicKey, new Uint8Array(1)).then(() => true, () => false);
  }

  /** Seals a data key to a public key. */
  async seal(publicKey: Uint8Array, dek: Uint8Array): Promise<HpkeSealed> {
    const recipientPublicKey = await this.#kem.deserializePublicKey(publicKey);
    const { enc, ct } = await this.#suite.seal({ recipientPublicKey, info }, dek);
    return { encapsulated: new Uint8Array(enc), ciphertext: new Uint8Array(ct) };
  }

  /**
   * Opens a sealed data key.
   *
   * @returns `undefined` if the tag does not verify: X-Wing gives another key for changed bytes and raises no error.
   */
  async open(privateKey: Uint8Array, { encapsulated, ciphertext }: HpkeSealed): Promise<Uint8Array | undefined> {
    const { privateKey: recipientKey } = await this.#kem.generateKeyPairDerand(privateKey);
    try {
      return new Uint8Array(await this.#suite.open({ recipientKey, enc: encapsulated, info }, ciphertext));
    } catch {
      return undefined;
    }
  }
}
