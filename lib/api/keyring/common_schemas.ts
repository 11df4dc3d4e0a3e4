/**
 * The parts that the requests and answers of several routes share. Complaints are ends of sentences and never repeat a
 * value.
 *
 * @module
 */
import * as z from "zod/mini";
import { fieldNamePattern, labelNamePattern, secretLimits } from "./fields.ts";
import { problems } from "./problems.ts";

const say = (text: string) => ({ error: ({ input }: { readonly input?: unknown }) => orMissing(input, text) });

function orMissing(input: unknown, text: string): string {
  return input === undefined ? "is missing" : text;
}

/** A text with a description and a maximum length in UTF-16 units. */
export function described(description: string, maxLength = 4_096) {
  return z.string(say("must be a text")).check(
    z.maxLength(maxLength, `must not be longer than ${maxLength} characters`),
    z.describe(description),
  );
}

/** A text of 1 or more characters. */
export function named(description: string, maxLength = 256) {
  return described(description, maxLength).check(z.minLength(1, "must not be empty"));
}

/** A whole number from `least` to `most`. */
export function whole(description: string, least = 1, most = Number.MAX_SAFE_INTEGER) {
  const complaint = `must be a whole number from ${least} to ${most}`;
  return z.int(say(complaint)).check(z.gte(least, complaint), z.lte(most, complaint), z.describe(description));
}

/** As {@linkcode whole}, from the text of a query. */
export function wholeText(description: string, least = 1, most = Number.MAX_SAFE_INTEGER) {
  const complaint = `must be a whole number from ${least} to ${most}`;
  return z.pipe(
    z.string(say(complaint)).check(z.regex(/^[0-9]{1,16}$/, complaint), z.meta({ description, examples: ["1"] })),
    z.pipe(z.transform(Number), z.int(complaint).check(z.gte(least, complaint), z.lte(most, complaint))),
  );
}

/** Whole numbers with commas between them, from the text of a query. */
export function versionsText(description: string) {
  const complaint = "must be 1 to 100 version numbers with commas between them";
  return z.pipe(
    z.string(say(complaint)).check(
      z.regex(/^[1-9][0-9]{0,9}(,[1-9][0-9]{0,9}){0,99}$/, complaint),
      z.meta({ description, examples: ["1,2"] }),
    ),
    z.transform((text) => text.split(",").map(Number)),
  );
}

/** A path of a secret in the body of a request; `secretPath()` makes it canonical. */
export const secretPathText = described("Path of a secret, for instance db/prod/john.");

/** A time in a request. */
export const timeText = z.iso.datetime({
  offset: true,
  ...say("must be a time such as 2030-01-31T12:00:00Z (RFC 3339)"),
})
  .check(z.describe("RFC 3339."));

/** A time in an answer. */
export const shownTime = z.string().check(z.meta({ format: "date-time", description: "RFC 3339, UTC." }));

/** Numbers of versions. */
export const versionNumbers = z.array(whole("Number of a version."), say("must be a list of version numbers")).check(
  z.minLength(1, "must have 1 to 100 versions"),
  z.maxLength(100, "must have 1 to 100 versions"),
);

/** The name of a field. */
export const fieldName = z.string(say("must be a text")).check(
  z.regex(fieldNamePattern, "must be 1 to 128 letters, digits, _, - and ., and begin with a letter, a digit or _"),
);

const labelName = z.string().check(
  z.regex(labelNamePattern, "must be 1 to 128 letters, digits, _, -, . and /, and begin with a letter, a digit or _"),
);

const labelValue = described("Value of a label.", secretLimits.labelBytes);

/** The labels of a new secret. */
export const labelMap = z.record(labelName, labelValue, say("must be an object of texts"));

/** Changes of labels; `null` removes one. */
export const labelChanges = z.record(labelName, z.nullable(labelValue), say("must be an object of texts and null"));

// The canonical form is checked when the text is decoded.
const base64 = z.string(say("must be base64")).check(
  z.regex(/^[A-Za-z0-9+/]*={0,2}$/, "must be base64 with padding (RFC 4648, section 4)"),
);

/** Base64 of bytes, described. */
export function base64Bytes(description: string) {
  return base64.check(z.meta({ description, format: "byte" }));
}

const textField = z.strictObject({
  kind: z.optional(z.literal("text")),
  value: z.string(say("must be a text")),
}).check(z.describe("UTF-8 text. This is the kind of a field without `kind`."));

const jsonField = z.strictObject({
  kind: z.literal("json"),
  value: z.unknown(),
}).check(z.describe("A JSON value. It is kept as it is written in the request."));

const bytesField = z.strictObject({
  kind: z.literal("bytes"),
  value: base64Bytes("The bytes in base64."),
}).check(z.describe("Any bytes."));

/** A field in a request. */
export const fieldInput = z.union([textField, jsonField, bytesField], {
  error: ({ input }) =>
    orMissing(
      input,
      'must be {"kind": "text", "json" or "bytes", "value": …}, with a text for text and base64 for bytes',
    ),
});

/** The fields of a new version. */
export const fieldMap = z.record(fieldName, fieldInput, say("must be an object of fields"));

/** Changes of fields; `null` removes one. */
export const fieldChanges = z.record(fieldName, z.nullable(fieldInput), say("must be an object of fields and null"));

/** A field in an answer. */
export const fieldOutput = z.object({
  kind: z.enum(["text", "json", "bytes"]),
  value: z.unknown().check(z.describe("text: a string. json: the JSON value. bytes: base64.")),
});

/** A problem document (RFC 9457). */
export const problemDocument = z.object({
  type: z.string().check(z.describe("urn:trousseau:problem: and the code.")),
  title: z.string(),
  status: z.int(),
  detail: z.string().check(z.describe("One sentence that says what to do.")),
  requestId: z.string(),
  version: z.optional(z.int().check(z.describe("The newest version of the secret."))),
  importId: z.optional(z.string().check(z.describe("The import that claims the path."))),
}).check(z.describe(`A problem document. Codes: ${Object.keys(problems).join(", ")}.`));

/** A problem document. */
export type ProblemDocument = z.infer<typeof problemDocument>;
