/**
 * Wrapping of data keys with a local key: AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D, 8.2.2).
 *
 * @module
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { concat, lengthPrefixed, utf8 } from "../../base/bytes.ts";
import type { LocalKey } from "./key_file.ts";

const nonceBytes = 12;
const tagBytes = 16;

/** Size of nonce and tag, by which a wrapped key is longer than the data key, in bytes. */
export const localOverhead = nonceBytes + tagBytes;

/**
 * Binds a wrapped key to its purpose and version: a ciphertext of another use or another version does not pass for it.
 */
function additionalData(id: string): Uint8Array {
  return concat(lengthPrefixed(utf8("trousseau-local-wrap-1")), lengthPrefixed(utf8(id)));
}

/** @returns nonce (12 bytes), ciphertext (as long as `dek`), tag (16 bytes). */
export function wrapLocally(key: LocalKey, dek: Uint8Array): Uint8Array {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", key.material, nonce, { authTagLength: tagBytes });
  cipher.setAAD(additionalData(key.id));
  return concat(nonce, cipher.update(dek), cipher.final(), cipher.getAuthTag());
}

/** @returns the data key, or `undefined` unless the bytes are exactly what this key wrapped. */
export function unwrapLocally(key: LocalKey, wrapped: Uint8Array): Uint8Array | undefined {
  if (wrapped.length <= localOverhead) return undefined;
  const end = wrapped.length - tagBytes;
  const decipher = createDecipheriv("aes-256-gcm", key.material, wrapped.subarray(0, nonceBytes), {
    authTagLength: tagBytes,
  });
  decipher.setAAD(additionalData(key.id));
  decipher.setAuthTag(wrapped.subarray(end));
  const opened = decipher.update(wrapped.subarray(nonceBytes, end));
  try {
    decipher.final();
    return new Uint8Array(opened);
  } catch {
    return undefined;
  }
}
