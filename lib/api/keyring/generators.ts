/**
 * The generators of values: one schema for each kind, with defaults and limits. The server parses requests with it; a
 * client imports its types, and the limits from `generator_limits.ts`.
 *
 * @module
 */
import * as z from "zod/mini";
import { type CharacterClass, characterClasses, generatorLimits as limits, lookAlikes } from "./generator_limits.ts";

function integer(
  { min, max, default: value }: { readonly min: number; readonly max: number; readonly default: number },
) {
  const within = `must be a whole number from ${min} to ${max}`;
  return z._default(z.int(within).check(z.gte(min, within), z.lte(max, within)), value);
}

const flag = z._default(z.boolean("must be true or false"), false);

/** Smallest number of characters of a class; a class that is absent is not used. */
const atLeast = z.optional(
  z.int("must be a whole number from 0 to 128").check(
    z.gte(0, "must be a whole number from 0 to 128"),
    z.lte(limits.passwordLength.max, "must be a whole number from 0 to 128"),
  ),
);

const password = z.strictObject({
  kind: z.literal("password"),
  length: integer(limits.passwordLength),
  /** For each class that is used, how many of its characters the password has at least. */
  classes: z._default(
    z.strictObject({ lowercase: atLeast, uppercase: atLeast, digits: atLeast, symbols: atLeast }),
    { lowercase: 1, uppercase: 1, digits: 1, symbols: 1 },
  ),
  /** The characters of the class `symbols`: ASCII punctuation or the space, each once. */
  symbols: z._default(
    z.string("must be a text").check(
      z.refine(isSymbols, "must be ASCII punctuation or spaces, each character once, and at least one"),
    ),
    characterClasses.symbols,
  ),
  /** Leaves out the characters of `lookAlikes`. */
  excludeLookAlikes: flag,
}).check(
  z.refine(({ classes }) => Object.values(classes).some((least) => least !== undefined), {
    path: ["classes"],
    error: "must have at least one class",
  }),
  z.refine(({ classes, length }) => sumOf(Object.values(classes)) <= length, {
    path: ["classes"],
    error: "must not ask for more characters than length",
  }),
  z.refine((spec) => spec.classes.symbols === undefined || charactersOf(spec, "symbols") !== "", {
    path: ["symbols"],
    error: "must have a character that is no look-alike",
  }),
);

const passphrase = z.strictObject({
  kind: z.literal("passphrase"),
  words: integer(limits.words),
  /** Stands between two words. It has no letter, so that two different choices of words never give the same text. */
  separator: z._default(
    z.string("must be a text").check(
      z.regex(/^[ !-@[-`{-~]{1,8}$/, "must be 1 to 8 ASCII characters that are no letters"),
    ),
    limits.separator.default,
  ),
  /** Whether each word begins with a capital. It adds no entropy. */
  capitalize: flag,
});

const bytes = z.strictObject({
  kind: z.literal("bytes"),
  /** Bytes before they are encoded. */
  size: integer(limits.bytes),
  /** `raw` makes a field of the kind `bytes`, the others one of the kind `text`. */
  encoding: z._default(
    z.enum(["raw", "hex", "base64", "base64url"], "must be raw, hex, base64 or base64url"),
    "base64url",
  ),
});

const uuid = z.strictObject({ kind: z.literal("uuid") });

/** PKCS#8 and SPKI in PEM, or OpenSSH's own formats. */
const format = z._default(z.enum(["pem", "openssh"], "must be pem or openssh"), "pem");

/** The comment in both files of an OpenSSH key; PEM has no place for one. */
const comment = z._default(
  z.string("must be a text").check(
    z.regex(
      /^([!-~]([ -~]{0,126}[!-~])?)?$/,
      "must be at most 128 printable ASCII characters, without a space at its ends",
    ),
  ),
  "",
);

interface WithComment {
  readonly format: "pem" | "openssh";
  readonly comment: string;
}

const commentFits = z.refine<WithComment>(({ format, comment }) => format === "openssh" || comment === "", {
  path: ["comment"],
  error: "must be left out for pem, which has no comments",
});

const ed25519 = z.strictObject({ kind: z.literal("ed25519"), format, comment }).check(commentFits);

const x25519 = z.strictObject({ kind: z.literal("x25519") });

const rsa = z.strictObject({
  kind: z.literal("rsa"),
  /** Bits of the modulus. */
  bits: z._default(z.literal(limits.rsaBits.allowed, "must be 2048, 3072 or 4096"), limits.rsaBits.default),
  format,
  comment,
}).check(commentFits);

/** The generated value, by `kind`. A key that a kind does not have is refused. */
export const generatorSchema = z.discriminatedUnion(
  "kind",
  [password, passphrase, bytes, uuid, ed25519, x25519, rsa],
  { error: ({ code }) => code === "invalid_union" ? "must have a known kind of generator" : undefined },
);

/** A parsed specification: every option has a value. */
export type GeneratorSpec = z.output<typeof generatorSchema>;

/** A specification as a client sends it: options may be left out. */
export type GeneratorInput = z.input<typeof generatorSchema>;

/** A specification of a password. */
export type PasswordSpec = z.output<typeof password>;

/** The characters of a class that a password may have; each stands once. */
export function charactersOf(
  { symbols, excludeLookAlikes }: Pick<PasswordSpec, "symbols" | "excludeLookAlikes">,
  name: CharacterClass,
): string {
  const all = name === "symbols" ? symbols : characterClasses[name];
  return excludeLookAlikes ? [...all].filter((character) => !lookAlikes.includes(character)).join("") : all;
}

function isSymbols(text: string): boolean {
  return /^[ !-/:-@[-`{-~]+$/.test(text) && new Set(text).size === text.length;
}

function sumOf(numbers: readonly (number | undefined)[]): number {
  return numbers.reduce<number>((sum, one) => sum + (one ?? 0), 0);
}
