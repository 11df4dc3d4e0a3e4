/**
 * How the key IDs of another plugin become versions.
 *
 * @module
 */
import { sha256Hex, utf8 } from "../../base/bytes.ts";
import { providerLimits } from "../provider.ts";

const hashPrefix = "sha256:";

/** What can be shown anywhere as it stands. */
const plain = new RegExp(`^[\\x21-\\x7e]{1,${providerLimits.version}}$`);

/**
 * The version that a key ID stands for, 1 to 256 bytes: the key ID itself, or its SHA-256 where it is too long or is not
 * made of visible ASCII characters. Two key IDs have two versions.
 *
 * @param keyId 1 to 1,024 bytes.
 */
export function versionOf(keyId: string): string {
  const isPlain = plain.test(keyId) && !keyId.startsWith(hashPrefix);
  return isPlain ? keyId : hashPrefix + sha256Hex(utf8(keyId));
}
