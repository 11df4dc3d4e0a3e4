/**
 * Derives versions from the key IDs of another plugin.
 *
 * @module
 */
import { sha256Hex, utf8 } from "../../base/bytes.ts";
import { providerLimits } from "../provider.ts";

const hashPrefix = "sha256:";

/** Key IDs that are used as they are: visible ASCII characters, at most 256. */
const plain = new RegExp(`^[\\x21-\\x7e]{1,${providerLimits.version}}$`);

/**
 * The version for a key ID, 1 to 256 bytes: the key ID itself, or its SHA-256 if it is too long or contains anything
 * but visible ASCII characters. Two key IDs have two versions.
 *
 * @param keyId 1 to 1,024 bytes.
 */
export function versionOf(keyId: string): string {
  const isPlain = plain.test(keyId) && !keyId.startsWith(hashPrefix);
  return isPlain ? keyId : hashPrefix + sha256Hex(utf8(keyId));
}
