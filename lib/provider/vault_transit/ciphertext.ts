/**
 * Ciphertexts of Transit (`vault:v3:` and base64), and this program's names for key versions (`3@1700000000`).
 *
 * @module
 */
import { exactText } from "../../base/bytes.ts";
import { providerLimits } from "../provider.ts";

/** A version of a Transit key. */
export interface KeyVersion {
  readonly number: number;
  /** Time of creation in seconds since the epoch. */
  readonly createdAt: number;
}

/**
 * The name of a version. The time distinguishes a key from an earlier, deleted key with the same name: both have a
 * version 1.
 */
export function versionName(version: KeyVersion): string {
  return `${version.number}@${version.createdAt}`;
}

/** Parses a name of {@linkcode versionName}; `undefined` for any other text. */
export function parseVersion(name: string): KeyVersion | undefined {
  const [, number, createdAt] = /^([1-9]\d{0,8})@(0|[1-9]\d{0,11})$/.exec(name) ?? [];
  return number === undefined ? undefined : { number: Number(number), createdAt: Number(createdAt) };
}

/**
 * The key version in the prefix of a ciphertext.
 *
 * Vault ignores the unused bits of the last base64 digit, so it decrypts several texts to the same plaintext. Vault
 * itself writes the canonical text (RFC 4648, section 3.5); only that one is accepted.
 *
 * @returns `undefined` if the text is not a Transit ciphertext, or is longer than 4 KiB.
 */
export function prefixVersion(ciphertext: string): number | undefined {
  if (ciphertext.length > providerLimits.ciphertext) return undefined;
  const [, number, sealed = ""] = /^vault:v([1-9]\d{0,8}):([A-Za-z0-9+/]+={0,2})$/.exec(ciphertext) ?? [];
  if (number === undefined || sealed.length % 4 !== 0 || hasUnusedBits(sealed)) return undefined;
  return Number(number);
}

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Whether the last digit of a text in base64 with padding has bits that are no part of a byte and not zero. */
function hasUnusedBits(text: string): boolean {
  if (!text.endsWith("=")) return false;
  const [last, bits] = text.endsWith("==") ? [text.at(-3), 0x0f] : [text.at(-2), 0x03];
  return (digits.indexOf(last ?? "") & bits) !== 0;
}

/** The text of a wrapped DEK and the key version in its prefix; `undefined` if it is not a Transit ciphertext. */
export function parseCiphertext(bytes: Uint8Array): { readonly text: string; readonly number: number } | undefined {
  const text = exactText(bytes);
  const number = text === undefined ? undefined : prefixVersion(text);
  return text === undefined || number === undefined ? undefined : { text, number };
}
