/**
 * The kinds of field in the schema. Each has a description, which editors show; its complaints are the end of a
 * sentence and never repeat the value.
 *
 * @module
 */
import * as z from "zod/mini";
import { listenPattern, originPattern, parseListen, parseOrigin } from "./addresses.ts";
import { durationPattern, formatDuration, parseDuration } from "../base/duration.ts";
import { secretVariablePattern } from "./environment.ts";
import { nearest } from "../base/nearest.ts";
import { parseVaultAddress, vaultAddressPattern } from "./vault_address.ts";

/** The complaint about a value of the wrong kind; missing and empty values have the same complaint everywhere. */
function complaintOf(input: unknown, text: string): string {
  return input === undefined ? "is missing" : input === null ? "has no value" : text;
}

function say(text: string): { readonly error: (issue: { readonly input?: unknown }) => string } {
  return { error: ({ input }) => complaintOf(input, text) };
}

function unknownKey(key: string, known: readonly string[]): string {
  const meant = nearest(key, known);
  return `unknown key; ${meant === undefined ? `known here: ${known.join(", ")}` : `did you mean "${meant}"?`}`;
}

function notOneOf(input: unknown, known: readonly string[]): string {
  if (input === undefined) return `is missing; it is ${list(known)}`;
  if (input === null) return `has no value; it is ${list(known)}`;
  const meant = typeof input === "string" ? nearest(input, known) : undefined;
  return `must be ${list(known)}${meant === undefined ? "" : `; did you mean "${meant}"?`}`;
}

function list(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/**
 * A mapping with these keys and no others. The complaint about unknown keys has one line for each of them, in the order
 * of a list of `keys`.
 */
export function section<Shape extends z.core.$ZodShape>(description: string, shape: Shape) {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? issue.keys.map((key) => unknownKey(key, known)).join("\n")
        : complaintOf(issue.input, "must be a mapping"),
  }).check(z.describe(description));
}

/**
 * One of several mappings, distinguished by the value of one key.
 *
 * @param arms the mappings by that value, at least one.
 */
export function variants<Key extends string, Arm extends z.core.$ZodTypeDiscriminable>(
  key: Key,
  arms: Readonly<Record<string, Arm>>,
) {
  const names = Object.keys(arms);
  return z.discriminatedUnion(key, Object.values(arms) as [Arm, ...Arm[]], {
    error: (issue) => {
      if (issue.code !== "invalid_union") return complaintOf(issue.input, "must be a mapping");
      const input: unknown = issue.input;
      const given = typeof input === "object" && input !== null ? Reflect.get(input, key) : undefined;
      return notOneOf(given, names);
    },
  });
}

/** The constant that distinguishes an arm of {@linkcode variants} from the others. */
export function tag<const Word extends string>(description: string, word: Word) {
  return z.literal(word).check(z.describe(description));
}

/** One of several words. */
export function oneOf<const Words extends readonly string[]>(description: string, words: Words) {
  return z.enum(words, { error: ({ input }) => notOneOf(input, words) }).check(z.describe(description));
}

/** `true` or `false`. */
export function flag(description: string) {
  return z.boolean(say("must be true or false")).check(z.describe(description));
}

/** A whole number from `least` to `most`, inclusive. */
export function integer(description: string, least: number, most: number) {
  const complaint = `must be a whole number from ${least} to ${most}`;
  return z.int(say(complaint)).check(z.gte(least, complaint), z.lte(most, complaint), z.describe(description));
}

/** A text that matches a pattern. */
export function text(description: string, pattern: RegExp, complaint: string) {
  return z.string(say(complaint)).check(z.regex(pattern, complaint), z.describe(description));
}

/** A duration from `least` to `most`, inclusive; its output is milliseconds. */
export function duration(description: string, least: string, most: string) {
  const [from, to] = [parseDuration(least) ?? 0, parseDuration(most) ?? 0];
  const written = z.string(say("must be a duration such as 500ms, 75s, 10m, 24h or 7d")).check(
    z.regex(durationPattern, { error: "must be a duration such as 500ms, 75s, 10m, 24h or 7d", abort: true }),
    z.refine(
      (value) => within(parseDuration(value) ?? -1, from, to),
      `must be from ${formatDuration(from)} to ${formatDuration(to)}`,
    ),
    z.meta({ title: "duration", description: `${description} A duration from ${least} to ${most}.` }),
  );
  return z.pipe(written, z.transform((value) => parseDuration(value) ?? 0));
}

function within(value: number, least: number, most: number): boolean {
  return least <= value && value <= most;
}

/**
 * A path. A relative one starts at the folder of the config file.
 *
 * @param title the kind of value, for the documentation; words that are not paths are accepted too if it names them.
 */
export function path(description: string, title = "path") {
  // deno-lint-ignore no-control-regex
  return text(description, /^[^\u0000-\u001f\u007f]{1,4095}$/, "must be a path").check(z.meta({ title }));
}

/** Modes in which the owner can connect and others cannot. */
const safeMode = /^0?[67][0-7]0$/;

/**
 * A file mode in octal digits; its output is a number. Others must have no permissions: a client that can connect can
 * decrypt.
 */
export function fileMode(description: string) {
  const complaint = 'must be a file mode in quotes and octal digits, such as "0600"';
  const written = z.string(say(complaint)).check(
    z.regex(/^0?[0-7]{3}$/, { error: complaint, abort: true }),
    z.refine((value) => safeMode.test(value), "must let the owner read and write, and give others no access"),
    z.meta({ title: "file mode", description, pattern: safeMode.source }),
  );
  return z.pipe(written, z.transform((value) => Number.parseInt(value, 8)));
}

/** A user or a group, by number or name. */
export function account(description: string) {
  const complaint = "must be a name, or a number without quotes";
  return z.union([
    // chown(2) takes 2^32 - 1 as "do not change".
    z.int().check(z.gte(0, complaint), z.lte(4_294_967_294, complaint)),
    z.string().check(z.regex(/^[A-Za-z_][A-Za-z0-9_.-]*\$?$/, complaint)),
  ], say(complaint)).check(z.meta({ title: "name or number", description }));
}

/** Origin of a KMS; its output is in canonical form. */
export function origin(description: string) {
  const written = z.string(say("must be an origin such as https://vault.example:8200")).check(
    (payload) => complain(payload, parseOrigin(payload.value)),
    z.meta({ title: "origin", description, pattern: originPattern.source }),
  );
  return z.pipe(written, z.transform((value) => new URL(value).origin));
}

/** Address of a Vault or its agent; its output has no trailing slash. */
export function vaultAddress(description: string) {
  const written = z.string(say("must be an address such as https://vault.example:8200")).check(
    (payload) => complain(payload, parseVaultAddress(payload.value)),
    z.meta({ title: "address", description, pattern: vaultAddressPattern.source }),
  );
  return z.pipe(
    written,
    z.transform((value) => {
      const parsed = parseVaultAddress(value);
      return "address" in parsed ? parsed.address : value;
    }),
  );
}

function complain(payload: z.core.ParsePayload<string>, parsed: { readonly complaint: string } | object): void {
  if (!("complaint" in parsed)) return;
  payload.issues.push({ code: "custom", message: parsed.complaint, input: payload.value, continue: false });
}

/** Host and port of a listen address, or `off`, whose output is `undefined`. */
export function listen(description: string) {
  const complaint = "must be an address and a port such as 127.0.0.1:8090, or off";
  const written = z.string(say(complaint)).check(
    z.refine((value) => value === "off" || parseListen(value) !== undefined, complaint),
    z.meta({ title: "address and port, or off", description, pattern: `${listenPattern.source}|^off$` }),
  );
  return z.pipe(written, z.transform((value) => value === "off" ? undefined : parseListen(value)));
}

const inAFile = section("A file that holds the value and nothing else; it is read again when it is needed.", {
  file: path("The path of the file."),
});

const inAVariable = section("A variable of the environment that holds the value.", {
  variable: text(
    "TROUSSEAU_SECRET_ and capital letters, digits or _; or VAULT_TOKEN; or BAO_TOKEN. No other variable can be read.",
    secretVariablePattern,
    "must be named TROUSSEAU_SECRET_… (capital letters, digits, _), VAULT_TOKEN or BAO_TOKEN; no other variable can be read",
  ),
});

/** A reference to a secret. */
export function secret(description: string) {
  return z.union([inAFile, inAVariable], {
    error: ({ input }) =>
      typeof input === "string" || typeof input === "number"
        ? "must not stand in the config; put it into a file and write { file: PATH }, or into a variable and write { variable: NAME }"
        : complaintOf(input, "must be { file: PATH } or { variable: NAME }"),
  }).check(z.meta({ title: "reference to a secret", description }));
}

/** A value that is not secret: the value itself, or a reference to it. */
export function openOrSecret(description: string) {
  const complaint = "must be a text without spaces, { file: PATH } or { variable: NAME }";
  return z.union([z.string().check(z.regex(/^[\x21-\x7e]+$/, complaint)), inAFile, inAVariable], say(complaint))
    .check(z.meta({ title: "text, or reference to a secret", description }));
}

/** The output of {@linkcode secret}. */
export type SecretReference = { readonly file: string } | { readonly variable: string };
