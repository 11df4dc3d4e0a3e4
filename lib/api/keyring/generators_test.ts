import { deepEqual, equal, ok } from "node:assert/strict";
import { charactersOf, type GeneratorInput, generatorSchema, type GeneratorSpec } from "./generators.ts";
import { characterClasses, type generatorKinds, generatorLimits, lookAlikes } from "./generator_limits.ts";

Deno.test("generatorSchema fills in the defaults of every kind", () => {
  const expected: Readonly<Record<keyof typeof generatorKinds, GeneratorSpec>> = {
    password: {
      kind: "password",
      length: 24,
      classes: { lowercase: 1, uppercase: 1, digits: 1, symbols: 1 },
      symbols: "!*+-.=^_~",
      excludeLookAlikes: false,
    },
    passphrase: { kind: "passphrase", words: 6, separator: "-", capitalize: false },
    bytes: { kind: "bytes", size: 32, encoding: "base64url" },
    uuid: { kind: "uuid" },
    ed25519: { kind: "ed25519", format: "pem", comment: "" },
    x25519: { kind: "x25519" },
    rsa: { kind: "rsa", bits: 3072, format: "pem", comment: "" },
  };
  for (const [kind, spec] of Object.entries(expected)) {
    const minimal = { kind } as GeneratorInput;
    deepEqual(generatorSchema.parse(minimal), spec);
    deepEqual(generatorSchema.parse(spec), spec, "a parsed specification is one itself");
  }
});

Deno.test("generatorSchema accepts the limits and refuses one beyond them, with the end of a sentence", () => {
  const cases: readonly (readonly [unknown, string | undefined])[] = [
    [{ kind: "password", length: 4 }, undefined],
    [{ kind: "password", length: 3 }, "length must be a whole number from 4 to 128"],
    [{ kind: "password", length: 129 }, "length must be a whole number from 4 to 128"],
    [{ kind: "password", length: 20.5 }, "length must be a whole number from 4 to 128"],
    [{ kind: "password", length: "20" }, "length must be a whole number from 4 to 128"],
    [{ kind: "password", classes: {} }, "classes must have at least one class"],
    [{ kind: "password", classes: { digits: -1 } }, "classes.digits must be a whole number from 0 to 128"],
    [{ kind: "password", length: 4, classes: { digits: 4 } }, undefined],
    [{ kind: "password", length: 4, classes: { digits: 5 } }, "classes must not ask for more characters than length"],
    [
      { kind: "password", length: 5, classes: { digits: 3, symbols: 3 } },
      "classes must not ask for more characters than length",
    ],
    [
      { kind: "password", symbols: "" },
      "symbols must be ASCII punctuation or spaces, each character once, and at least one",
    ],
    [
      { kind: "password", symbols: "!!" },
      "symbols must be ASCII punctuation or spaces, each character once, and at least one",
    ],
    [
      { kind: "password", symbols: "!a" },
      "symbols must be ASCII punctuation or spaces, each character once, and at least one",
    ],
    [
      { kind: "password", symbols: ".,", excludeLookAlikes: true },
      "symbols must have a character that is no look-alike",
    ],
    [{ kind: "password", symbols: ".,", classes: { digits: 0 }, excludeLookAlikes: true }, undefined],
    [{ kind: "passphrase", words: 3 }, undefined],
    [{ kind: "passphrase", words: 2 }, "words must be a whole number from 3 to 32"],
    [{ kind: "passphrase", separator: "" }, "separator must be 1 to 8 ASCII characters that are no letters"],
    [{ kind: "passphrase", separator: "x" }, "separator must be 1 to 8 ASCII characters that are no letters"],
    [{ kind: "passphrase", separator: " 7_" }, undefined],
    [{ kind: "bytes", size: 7 }, "size must be a whole number from 8 to 4096"],
    [{ kind: "bytes", size: 4097 }, "size must be a whole number from 8 to 4096"],
    [{ kind: "bytes", encoding: "base32" }, "encoding must be raw, hex, base64 or base64url"],
    [{ kind: "rsa", bits: 1024 }, "bits must be 2048, 3072 or 4096"],
    [{ kind: "rsa", format: "openssh", comment: "a b@c" }, undefined],
    [{ kind: "rsa", comment: "a@b" }, "comment must be left out for pem, which has no comments"],
    [
      { kind: "ed25519", format: "openssh", comment: "a\nb" },
      "comment must be at most 128 printable ASCII characters, without a space at its ends",
    ],
    [
      { kind: "ed25519", format: "openssh", comment: "x".repeat(129) },
      "comment must be at most 128 printable ASCII characters, without a space at its ends",
    ],
    [{ kind: "ed25519", format: "openssh", comment: "x".repeat(128) }, undefined],
    [{ kind: "md5" }, "kind must have a known kind of generator"],
    [{}, "kind must have a known kind of generator"],
  ];
  for (const [input, complaint] of cases) {
    const { error } = generatorSchema.safeParse(input);
    const [issue] = error?.issues ?? [];
    equal(issue && `${issue.path.join(".")} ${issue.message}`, complaint, JSON.stringify(input));
  }
});

Deno.test("generatorSchema refuses a key that a kind does not have", () => {
  for (
    const input of [{ kind: "uuid", version: 4 }, { kind: "x25519", format: "openssh" }, { kind: "rsa", size: 2048 }]
  ) {
    ok(!generatorSchema.safeParse(input).success, JSON.stringify(input));
  }
});

Deno.test("charactersOf() leaves out look-alikes, and leaves at least two characters of every class", () => {
  for (const name of Object.keys(characterClasses) as (keyof typeof characterClasses)[]) {
    const options = { symbols: characterClasses.symbols, excludeLookAlikes: true };
    const left = charactersOf(options, name);
    ok(left.length >= 2 && ![...left].some((character) => lookAlikes.includes(character)), name);
    equal(charactersOf({ ...options, excludeLookAlikes: false }, name), characterClasses[name]);
  }
  equal(generatorLimits.passwordLength.default, 24);
});
