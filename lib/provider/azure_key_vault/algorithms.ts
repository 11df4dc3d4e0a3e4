/**
 * Wrapping algorithms: RSA-OAEP-256 for RSA keys, A256KW for AES keys of Managed HSM.
 *
 * For AES keys, wrapKey of Managed HSM supports AES-KW only; AES-GCM is available for its encrypt only ("Key types,
 * algorithms, and operations"). AES-KW (RFC 3394) verifies 64 bits at unwrapping, so that a changed byte is detected.
 * It takes whole blocks of 8 bytes only, and equal inputs give equal outputs. So a data key is wrapped in a frame: 16
 * random bytes, its length in one byte, the data key, and zeros up to a multiple of 8.
 *
 * @module
 */
import { concat } from "../../base/bytes.ts";
import { providerLimits } from "../provider.ts";
import type { OldAlgorithm } from "./settings.ts";

/** An algorithm for wrapKey or unwrapKey. */
export type Algorithm = WrapAlgorithm | OldAlgorithm;

/** An algorithm with which this program wraps. */
type WrapAlgorithm = "RSA-OAEP-256" | "A256KW";

/** The wrapping algorithm for each `kty`. Keys on elliptic curves cannot wrap. */
const keyTypes = {
  "RSA": "RSA-OAEP-256",
  "RSA-HSM": "RSA-OAEP-256",
  "oct": "A256KW",
  "oct-HSM": "A256KW",
} as const satisfies Record<string, WrapAlgorithm>;

/** A key type that can wrap. */
export type KeyType = keyof typeof keyTypes;

/** Whether keys of this `kty` can wrap. */
export function isKeyType(kty: unknown): kty is KeyType {
  return typeof kty === "string" && Object.hasOwn(keyTypes, kty);
}

/** The wrapping algorithm for a key type. */
export function wrapAlgorithm(type: KeyType): WrapAlgorithm {
  return keyTypes[type];
}

/** Bytes before the data key in a frame: random bytes and length. */
const frameHead = 17;
/** AES-KW adds one block of 8 bytes. */
const wrapOverhead = 8;
const largestFrame = Math.ceil((frameHead + providerLimits.dek) / 8) * 8;
/** Sizes of RSA ciphertexts for keys of 2,048, 3,072 and 4,096 bits, in bytes. */
const rsaSizes: readonly number[] = [256, 384, 512];

/** Whether the ciphertext has the size of an RSA key of Key Vault. */
export function isRsaSize({ length }: Uint8Array): boolean {
  return rsaSizes.includes(length);
}

/**
 * The algorithms that may have wrapped a ciphertext, from its size alone.
 *
 * @returns the algorithms in the order to be tried; empty if no key of Key Vault gives this size.
 */
export function unwrapAlgorithms(ciphertext: Uint8Array, old: readonly OldAlgorithm[]): readonly Algorithm[] {
  if (isRsaSize(ciphertext)) return ["RSA-OAEP-256", ...old];
  const framed = ciphertext.length - wrapOverhead;
  return framed % 8 === 0 && framed >= 24 && framed <= largestFrame ? ["A256KW"] : [];
}

/** The input of wrapKey for a data key. */
export function toWrap(algorithm: WrapAlgorithm, dek: Uint8Array): Uint8Array {
  if (algorithm !== "A256KW") return dek;
  const zeros = new Uint8Array(Math.ceil((frameHead + dek.length) / 8) * 8 - frameHead - dek.length);
  return concat(crypto.getRandomValues(new Uint8Array(16)), Uint8Array.of(dek.length), dek, zeros);
}

/** The data key in the output of unwrapKey; `undefined` if it contains none. */
export function unwrapped(algorithm: Algorithm, plaintext: Uint8Array): Uint8Array | undefined {
  const dek = algorithm === "A256KW" ? unframed(plaintext) : plaintext;
  return dek !== undefined && dek.length > 0 && dek.length <= providerLimits.dek ? dek : undefined;
}

function unframed(frame: Uint8Array): Uint8Array | undefined {
  const end = frameHead + (frame[16] ?? 0);
  if (frame.length !== Math.ceil(end / 8) * 8 || frame.subarray(end).some((byte) => byte !== 0)) return undefined;
  return frame.slice(frameHead, end);
}
