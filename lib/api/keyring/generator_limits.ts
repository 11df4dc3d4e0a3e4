/**
 * The kinds of generator and the limits of their options, without the schema, so that a client can name them.
 *
 * @module
 */

/** All kinds of generator, each with the field that it makes. */
export const generatorKinds = {
  password: "a password by a policy of lengths and classes of characters",
  passphrase: "words of the EFF's long list",
  bytes: "random bytes, raw or as text",
  uuid: "a UUID of version 4 (RFC 9562)",
  ed25519: "a key pair for signatures (RFC 8032)",
  x25519: "a key pair for key agreement (RFC 7748)",
  rsa: "an RSA key pair",
} as const satisfies Readonly<Record<string, string>>;

/** A kind of generator. */
export type GeneratorKind = keyof typeof generatorKinds;

/** The classes of characters of a password, before look-alikes are excluded. */
export const characterClasses = {
  lowercase: "abcdefghijklmnopqrstuvwxyz",
  uppercase: "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
  digits: "0123456789",
  /** Without quotes, backslash, backquote, `$`, space and the characters that URLs and YAML give a meaning. */
  symbols: "!*+-.=^_~",
} as const satisfies Readonly<Record<string, string>>;

/** A class of characters. */
export type CharacterClass = keyof typeof characterClasses;

/** Characters that are easily taken for another one in print: `0 O o`, `1 I i l L |`, `2 Z z`, `5 S s`, `8 B`, and marks. */
export const lookAlikes = "0Oo1IilL|2Zz5Ss8B`'\".,:;";

/** The second field of a key pair is named as the first one with this at its end. */
export const publicKeySuffix = "_public";

/** Limits and defaults of the options. */
export const generatorLimits = {
  /** Number of characters. 128 make a count of possible passwords of at most 840 bits. */
  passwordLength: { min: 4, max: 128, default: 24 },
  /** Number of words. */
  words: { min: 3, max: 32, default: 6 },
  /** Length of a separator in characters. */
  separator: { min: 1, max: 8, default: "-" },
  /** Number of bytes before they are encoded. */
  bytes: { min: 8, max: 4096, default: 32 },
  /** Length of a comment in an OpenSSH key in characters. */
  comment: { max: 128 },
  /** Sizes of an RSA modulus in bits. */
  rsaBits: { allowed: [2048, 3072, 4096], default: 3072 },
} as const;
