/**
 * The command `generate`: the server makes a value that the caller does not see.
 *
 * @module
 */
import type { GeneratorInput } from "../../../api/keyring/generators.ts";
import { type CharacterClass, characterClasses, generatorLimits } from "../../../api/keyring/generator_limits.ts";
import { didYouMean } from "../../../base/nearest.ts";
import { UsageError } from "../../command.ts";
import { exitCodes, type ExitStatus } from "../../exit_codes.ts";
import { line } from "../../terminal.ts";
import { attributesOf, casOf, secretAt, wholeNumber } from "../arguments.ts";
import type { ClectlCall, ClectlValues } from "../options.ts";
import { printSentence } from "../output/print.ts";
import { withSecrets } from "../session.ts";
import { checkFieldName } from "../values/field_input.ts";

/** The options of each type; another one is refused, since the server would not heed it. */
const optionsOfType = {
  password: ["length", "classes", "symbols", "no-lookalikes"],
  passphrase: ["words", "separator", "capitalize"],
  bytes: ["length", "encoding"],
  uuid: [],
  ed25519: ["keyFormat", "comment"],
  x25519: [],
  rsa: ["bits", "keyFormat", "comment"],
} as const satisfies Readonly<Record<GeneratorInput["kind"], readonly (keyof ClectlValues)[]>>;

const labelOf: Readonly<Partial<Record<keyof ClectlValues, string>>> = { keyFormat: "key-format" };

/** `generate PATH`: prints path, version and fingerprint, and the entropy on stderr. */
export async function generateSecret(call: ClectlCall): Promise<ExitStatus> {
  const path = secretAt(call);
  const { generatedField: field, quiet } = call.options;
  if (field === undefined) throw new UsageError("The name of the field is missing: --field NAME.", "generate");
  checkFieldName(field);
  const generator = generatorOf(call.options);
  const [cas, attributes] = [casOf(call.options), attributesOf(call)];
  return await withSecrets(call, async (secrets) => {
    const made = await secrets.generate(path, field, generator, attributes, cas === 0 ? undefined : cas);
    const { version, fingerprint } = made;
    if (!quiet && made.bits !== undefined) {
      line(call.terminal.stderr, `${call.program.name}: ${strengthSentence(generator.kind, made.bits)}`);
    }
    const sentence = `${made.path}: version ${version} generated, fingerprint ${fingerprint}`;
    await printSentence(call, { path: made.path, version, fingerprint }, sentence);
    return exitCodes.ok.status;
  });
}

/** Entropy, rounded to one decimal. For key pairs the server tells the security strength. */
function strengthSentence(kind: GeneratorInput["kind"], bits: number): string {
  const shown = String(Math.round(bits * 10) / 10);
  const isKeyPair = kind === "ed25519" || kind === "x25519" || kind === "rsa";
  return isKeyPair
    ? `The key pair has a security strength of ${shown} bits.`
    : `The value has ${shown} bits of entropy.`;
}

/** The specification for the server. @throws {UsageError} for an option of another type. */
export function generatorOf(options: ClectlValues): GeneratorInput {
  const { type = "password" } = options;
  const own: readonly (keyof ClectlValues)[] = optionsOfType[type];
  const other = Object.values(optionsOfType).flat().find((name) => options[name] !== undefined && !own.includes(name));
  if (other !== undefined) throw new UsageError(`--${labelOf[other] ?? other} is not for --type ${type}.`, "generate");
  const { length, symbols, words, separator, capitalize, encoding, bits, keyFormat, comment } = options;
  const { min, max } = type === "bytes" ? generatorLimits.bytes : generatorLimits.passwordLength;
  const count = length === undefined ? undefined : wholeNumber(length, "--length", min, max);
  const key = { ...given("format", keyFormat), ...given("comment", comment) };
  switch (type) {
    case "password":
      return {
        kind: type,
        ...given("length", count),
        ...given("classes", options.classes === undefined ? undefined : classesOf(options.classes)),
        ...given("symbols", symbols),
        ...given("excludeLookAlikes", options["no-lookalikes"]),
      };
    case "passphrase":
      return {
        kind: type,
        ...given(
          "words",
          words === undefined
            ? undefined
            : wholeNumber(words, "--words", generatorLimits.words.min, generatorLimits.words.max),
        ),
        ...given("separator", separator),
        ...given("capitalize", capitalize),
      };
    case "bytes":
      return { kind: type, ...given("size", count), ...given("encoding", encoding) };
    case "ed25519":
      return { kind: type, ...key };
    case "rsa":
      return { kind: type, ...given("bits", bits === undefined ? undefined : rsaBits[bits]), ...key };
    default:
      return { kind: type };
  }
}

const rsaBits = { "2048": 2048, "3072": 3072, "4096": 4096 } as const;

/** @throws {UsageError} */
function classesOf(text: string): Partial<Record<CharacterClass, number>> {
  return Object.fromEntries(
    text.split(",").map((pair) => {
      const [name = "", number = "1"] = pair.split("=");
      if (!Object.hasOwn(characterClasses, name)) {
        const known = Object.keys(characterClasses).join(", ");
        const near = didYouMean(name, Object.keys(characterClasses));
        throw new UsageError(`--classes takes CLASS=NUMBER,… with the classes ${known}.${near}`, "generate");
      }
      return [name, wholeNumber(number, "--classes", 0)];
    }),
  );
}

function given<Name extends string, T>(name: Name, value: T | undefined): { readonly [Key in Name]?: T } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [Key in Name]?: T };
}
