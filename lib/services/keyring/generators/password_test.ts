import { equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { assertDistribution, uniform } from "../../../../tests/support/binomial.ts";
import { type GeneratorInput, generatorSchema, type PasswordSpec } from "../../../api/keyring/generators.ts";
import { characterClasses, lookAlikes } from "../../../api/keyring/generator_limits.ts";
import { generatePassword, passwordCount } from "./password.ts";

function policy(options: Omit<Extract<GeneratorInput, { kind: "password" }>, "kind">): PasswordSpec {
  return generatorSchema.parse({ kind: "password", ...options }) as PasswordSpec;
}

function charactersIn(text: string, characters: string): number {
  return [...text].filter((one) => characters.includes(one)).length;
}

/** All texts of a length over an alphabet. */
function texts(alphabet: string, length: number): string[] {
  return length === 0 ? [""] : texts(alphabet, length - 1).flatMap((text) => [...alphabet].map((one) => text + one));
}

const fulfils = (text: string, spec: PasswordSpec) =>
  text.length === spec.length &&
  Object.entries(spec.classes).every(([name, least]) => {
    const characters = name === "symbols" ? spec.symbols : characterClasses[name as keyof typeof characterClasses];
    return charactersIn(text, characters) >= (least ?? 0);
  });

const policies = fc.record({
  length: fc.integer({ min: 8, max: 40 }),
  classes: fc.record({
    lowercase: fc.integer({ min: 0, max: 2 }),
    uppercase: fc.integer({ min: 0, max: 2 }),
    digits: fc.integer({ min: 0, max: 2 }),
    symbols: fc.integer({ min: 0, max: 2 }),
  }, { requiredKeys: ["digits"] }),
  excludeLookAlikes: fc.boolean(),
});

Deno.test("generatePassword() fulfils every policy", () => {
  fc.assert(fc.property(policies, (options) => {
    const spec = policy(options);
    const { text, bits } = generatePassword(spec);
    ok(fulfils(text, spec), text);
    const used = Object.keys(spec.classes) as (keyof typeof characterClasses)[];
    const alphabet = used.map((name) => characterClasses[name]).join("");
    equal(charactersIn(text, alphabet), spec.length, "no character of a class that is not used");
    ok(!spec.excludeLookAlikes || charactersIn(text, lookAlikes) === 0, text);
    // Both are rounded; without least numbers they are equal.
    ok(bits > 0 && bits <= spec.length * Math.log2(alphabet.length) + 1e-9);
  }));
});

Deno.test("passwordCount() is the number of texts that fulfil a policy", () => {
  const cases: readonly (readonly [PasswordSpec, string])[] = [
    [policy({ length: 4, classes: { digits: 1, symbols: 1 }, symbols: "!?" }), "0123456789!?"],
    [policy({ length: 4, classes: { digits: 0, symbols: 3 }, symbols: "!?" }), "0123456789!?"],
    [policy({ length: 4, classes: { digits: 4 } }), "0123456789"],
    [policy({ length: 5, classes: { digits: 2, symbols: 2 }, symbols: "~" }), "0123456789~"],
  ];
  for (const [spec, alphabet] of cases) {
    const count = texts(alphabet, spec.length).filter((text) => fulfils(text, spec)).length;
    equal(passwordCount(spec), BigInt(count));
    equal(generatePassword(spec).bits, Math.log2(count));
  }
});

Deno.test("passwordCount() without least numbers is a power of the alphabet, up to the largest length", () => {
  const classes = { lowercase: 0, uppercase: 0, digits: 0 };
  equal(passwordCount(policy({ length: 128, classes })), 62n ** 128n);
  equal(generatePassword(policy({ length: 128, classes })).bits.toFixed(9), (128 * Math.log2(62)).toFixed(9));
});

Deno.test("generatePassword() gives each permitted password with the same probability", () => {
  const spec = { ...policy({ classes: { digits: 0, symbols: 2 }, symbols: "!?" }), length: 3 };
  const permitted = texts("0123456789!?", 3).filter((text) => fulfils(text, spec));
  equal(permitted.length, 128);
  const drawn = Array.from({ length: 20_000 }, () => generatePassword(spec).text);
  assertDistribution(drawn, uniform(permitted));
  // 8 of the 128 have no digit.
  assertDistribution(drawn.map((text) => /\d/.test(text)), new Map([[false, 8 / 128], [true, 120 / 128]]));
});

Deno.test("generatePassword() draws every character in every place", () => {
  const spec = policy({ length: 8, classes: { lowercase: 0, uppercase: 0, digits: 0, symbols: 0 } });
  const drawn = Array.from({ length: 8000 }, () => generatePassword(spec).text);
  const alphabet = [...Object.values(characterClasses).join("")];
  for (const place of [0, 3, 7]) assertDistribution(drawn.map((text) => text.charAt(place)), uniform(alphabet));
});

Deno.test("generatePassword() takes milliseconds for the longest and the strictest policy", () => {
  const from = performance.now();
  for (const least of [0, 32]) {
    const classes = { lowercase: least, uppercase: least, digits: least, symbols: least };
    equal(generatePassword(policy({ length: 128, classes })).text.length, 128);
  }
  ok(performance.now() - from < 5000, "a draw of whole passwords until one fits would never end");
});
