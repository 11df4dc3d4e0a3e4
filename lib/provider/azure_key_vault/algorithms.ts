/**
 * How a data key is wrapped: with RSA-OAEP-256 by RSA keys, with A256KW by AES keys of Managed HSM.
 *
 * wrapKey of Managed HSM knows no other algorithm for AES keys than AES-KW; AES-GCM is an algorithm of its encrypt only
 * ("Key types, algorithms, and operations"). AES-KW (RFC 3394) checks 64 bits of its own at unwrapping, so that a changed
 * byte is found; it takes whole blocks of 8 bytes only, and equal inputs give equal outputs. So a data key travels in a
 * frame: 16 random bytes, its length in one byte, itself, and zeros to the next multiple of 8.
 *
 * @module
 */
import { concat } from "../../base/bytes.ts";
import { providerLimits } from "../provider.ts";
import type { OldAlgorithm } from "./settings.ts";

/** What wrapKey or unwrapKey may be asked for here. */
export type Algorithm = WrapAlgorithm | OldAlgorithm;

/** What wraps here. */
type WrapAlgorithm = "RSA-OAEP-256" | "A256KW";

/** `kty` of a key, and what it wraps with. Elliptic curves cannot wrap. */
const keyTypes = {
  "RSA": "RSA-OAEP-256",
  "RSA-HSM": "RSA-OAEP-256",
  "oct": "A256KW",
  "oct-HSM": "A256KW",
} as const satisfies Record<string, WrapAlgorithm>;

/** A key type that can wrap. */
export type KeyType = keyof typeof keyTypes;

/** Whether a `kty` is one that can wrap. */
export function isKeyType(kty: unknown): kty is KeyType {
  return typeof kty === "string" && Object.hasOwn(keyTypes, kty);
}

/** What a key of this type wraps with. */
export function wrapAlgorithm(type: KeyType): WrapAlgorithm {
  return keyTypes[type];
}

/** Bytes before the data key in a frame: the random ones and the length. */
const frameHead = 17;
/** AES-KW adds one block of 8 bytes. */
const wrapOverhead = 8;
const largestFrame = Math.ceil((frameHead + providerLimits.dek) / 8) * 8;
/** What RSA keys of 2,048, 3,072 and 4,096 bits give; bytes. */
const rsaSizes: readonly number[] = [256, 384, 512];

/** Whether an RSA key of Key Vault can have given so many bytes. */
export function isRsaSize({ length }: Uint8Array): boolean {
  return rsaSizes.includes(length);
}

/**
 * What may have wrapped these bytes, judged by their number alone.
 *
 * @returns the algorithms to try, in this order; none where no key of Key Vault can have made them.
 */
export function unwrapAlgorithms(ciphertext: Uint8Array, old: readonly OldAlgorithm[]): readonly Algorithm[] {
  if (isRsaSize(ciphertext)) return ["RSA-OAEP-256", ...old];
  const framed = ciphertext.length - wrapOverhead;
  return framed % 8 === 0 && framed >= 24 && framed <= largestFrame ? ["A256KW"] : [];
}

/** What is handed to wrapKey. */
export function toWrap(algorithm: WrapAlgorithm, dek: Uint8Array): Uint8Array {
  if (algorithm !== "A256KW") return dek;
  const zeros = new Uint8Array(Math.ceil((frameHead + dek.length) / 8) * 8 - frameHead - dek.length);
  return concat(crypto.getRandomValues(new Uint8Array(16)), Uint8Array.of(dek.length), dek, zeros);
}

/** What unwrapKey gave back, out of its frame; `undefined` where it is no data key. */
export function unwrapped(algorithm: Algorithm, plaintext: Uint8Array): Uint8Array | undefined {
  const dek = algorithm === "A256KW" ? unframed(plaintext) : plaintext;
  return dek !== undefined && dek.length > 0 && dek.length <= providerLimits.dek ? dek : undefined;
}

function unframed(frame: Uint8Array): Uint8Array | undefined {
  const end = frameHead + (frame[16] ?? 0);
  if (frame.length !== Math.ceil(end / 8) * 8 || frame.subarray(end).some((byte) => byte !== 0)) return undefined;
  return frame.slice(frameHead, end);
}
