/**
 * Recovery keys as texts: Bech32 (BIP 173, without its limit of length) with a prefix for each half, so that a misread
 * character is found and neither half passes for the other one.
 *
 * @module
 */
import { bech32 } from "@scure/base";
import { sha256Hex } from "../../base/bytes.ts";

/** Sizes in bytes: of the seed of X-Wing, and of its public key. */
export const recoverySizes = { privateKey: 32, publicKey: 1216 } as const;

const prefixes = { privateKey: "trousseau-recovery-key-", publicKey: "trousseau-recovery" } as const;

type Half = keyof typeof prefixes;

/** The beginning of the text of a private key. */
export const privateKeyBegins = `${prefixes.privateKey}1`.toUpperCase();

/** The beginning of the text of a public key. */
export const publicKeyBegins = `${prefixes.publicKey}1`;

/** A private key as a person copies it: capital letters and digits in groups of five, separated by spaces. */
export function privateKeyText(key: Uint8Array): string {
  return encoded("privateKey", key).toUpperCase().replace(/^(TROUSSEAU-RECOVERY-KEY-1)(.*)$/, (_, begin, rest) => {
    return `${begin} ${String(rest).match(/.{1,5}/g)?.join(" ") ?? ""}`;
  });
}

/** A public key in one line. */
export function publicKeyText(key: Uint8Array): string {
  return encoded("publicKey", key);
}

/** A private key, 32 bytes, from its text with or without spaces and in either case; `undefined` if it is none. */
export function parsePrivateKey(text: string): Uint8Array | undefined {
  return decoded("privateKey", text.replace(/\s/g, "").toLowerCase());
}

/** A public key, 1,216 bytes, from its text; `undefined` if it is none. */
export function parsePublicKey(text: string): Uint8Array | undefined {
  return decoded("publicKey", text.trim());
}

/** 128 bits of SHA-256 of a public key, as people compare them: 8 groups of 4 hexadecimal digits. */
export function recipientFingerprint(publicKey: Uint8Array): string {
  return sha256Hex(publicKey).slice(0, 32).match(/.{4}/g)?.join("-") ?? "";
}

function encoded(half: Half, key: Uint8Array): string {
  return bech32.encode(prefixes[half], bech32.toWords(key), false);
}

function decoded(half: Half, text: string): Uint8Array | undefined {
  try {
    const { prefix, words } = bech32.decode(text as `${string}1${string}`, false);
    const key = bech32.fromWords(words);
    return prefix === prefixes[half] && key.length === recoverySizes[half] ? new Uint8Array(key) : undefined;
  } catch {
    return undefined;
  }
}
