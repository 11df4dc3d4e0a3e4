/**
 * Transit's ciphertext, `vault:v3:` and base64, and our names for versions, `3@1700000000`.
 *
 * @module
 */
import { exactText, fromBase64 } from "../../base/bytes.ts";
import { providerLimits } from "../provider.ts";

/** A version of the key: its number, and when it was made in seconds since the epoch. */
export interface KeyVersion {
  readonly number: number;
  readonly createdAt: number;
}

/**
 * The version's name: the time tells a key from another one that was deleted and made again under its name, for both
 * have a version 1.
 */
export function versionName(version: KeyVersion): string {
  return `${version.number}@${version.createdAt}`;
}

/** The version of a name, or `undefined` where it is not one of ours. */
export function parseVersion(name: string): KeyVersion | undefined {
  const [, number, createdAt] = /^([1-9]\d{0,8})@(0|[1-9]\d{0,11})$/.exec(name) ?? [];
  return number === undefined ? undefined : { number: Number(number), createdAt: Number(createdAt) };
}

/**
 * The number in a ciphertext's prefix.
 *
 * Vault ignores bits of the last base64 digit that belong to no byte, so that several texts open alike. It writes one
 * of them, the canonical one (RFC 4648, section 3.5), and no other is taken.
 *
 * @returns `undefined` where the text is no transit ciphertext or longer than 4 KiB.
 */
export function prefixVersion(ciphertext: string): number | undefined {
  if (ciphertext.length > providerLimits.ciphertext) return undefined;
  const [, number, sealed = ""] = /^vault:v([1-9]\d{0,8}):([A-Za-z0-9+/]+={0,2})$/.exec(ciphertext) ?? [];
  return number === undefined || fromBase64(sealed) === undefined ? undefined : Number(number);
}

/** The text of a wrapped DEK's bytes and the number in its prefix; `undefined` where it is no transit ciphertext. */
export function parseCiphertext(bytes: Uint8Array): { readonly text: string; readonly number: number } | undefined {
  const text = exactText(bytes);
  const number = text === undefined ? undefined : prefixVersion(text);
  return text === undefined || number === undefined ? undefined : { text, number };
}
