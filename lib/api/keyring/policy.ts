/**
 * The schema of the policy: roles, the identities that may take them, and the rights that they give. There are no deny
 * rules; all that no rule permits is refused.
 *
 * @module
 */
import * as z from "zod/mini";
import { parseDuration } from "../../base/duration.ts";
import { nearest } from "../../base/nearest.ts";
import { folderPath, secretPath } from "./paths.ts";
import { whyNoPattern } from "./subject_pattern.ts";
import { type Verb, verbNames } from "./verbs.ts";

/** Limits of a policy. */
export const policyLimits = {
  /** Maximum length of the text in bytes. */
  textBytes: 262_144,
  /** Maximum number of keys and list elements in the text. */
  members: 100_000,
  /** Maximum number of roles. */
  roles: 512,
  /** Maximum number of entries of `take` of one role. */
  takes: 128,
  /** Maximum number of rules of one role. */
  rules: 128,
  /** Maximum number of claims of one entry of `take`. */
  claims: 16,
  /** Bounds of `tokenTtl` in milliseconds: a minute and a day. */
  minTokenTtlMs: 60_000,
  maxTokenTtlMs: 86_400_000,
  /** `tokenTtl` of a role that has none, in milliseconds: an hour. */
  tokenTtlMs: 3_600_000,
} as const;

/** Names of roles, sockets, issuers and clusters: 1 to 63 lowercase letters, digits, `-` and `_`. */
export const roleNamePattern = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** Names of people and tokens: 1 to 64 letters, digits, `.`, `_`, `@` and `-`. */
export const personNamePattern = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

/** The path of a rule that covers the whole store. */
export const wholeStore = "/";

/** The complaint about a value of the wrong kind. */
function complaintOf(input: unknown, text: string): string {
  return input === undefined ? "is missing" : input === null ? "has no value" : text;
}

function say(text: string): { readonly error: (issue: { readonly input?: unknown }) => string } {
  return { error: ({ input }) => complaintOf(input, text) };
}

/** A mapping with these keys and no others; the complaint has one line for each unknown key. */
function mapping<Shape extends z.core.$ZodShape>(shape: Shape) {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? issue.keys.map((key) => unknownWord("key", key, known)).join("\n")
        : complaintOf(issue.input, "must be a mapping"),
  });
}

function unknownWord(kind: string, word: string, known: readonly string[]): string {
  const meant = nearest(word, known);
  return `unknown ${kind}; ${meant === undefined ? `known here: ${known.join(", ")}` : `did you mean "${meant}"?`}`;
}

function name(pattern: RegExp, text: string) {
  return z.string(say(text)).check(z.regex(pattern, text));
}

const lowercaseName = "must be 1 to 63 lowercase letters, digits, - and _, with a letter or a digit first";
const personName = "must be 1 to 64 letters, digits, ., _, @ and -, with a letter or a digit first";

/** A text, or a text with `*` for a part of one segment. */
const pattern = z.string(say("must be a text, with quotes around it")).check(z.superRefine((text, context) => {
  const why = whyNoPattern(text);
  if (why !== undefined) context.addIssue({ code: "custom", message: why, input: text });
}));

const claims = z.record(z.string(), pattern, say("must be a mapping of claims and texts")).check(
  z.refine((found) => Object.keys(found).length <= policyLimits.claims, `has more than ${policyLimits.claims} claims`),
);

/** The identities that may take a role. The fields of one entry must all hold; one entry is enough. */
const takeSchema = mapping({
  person: z.optional(name(personNamePattern, personName)),
  socket: z.optional(name(roleNamePattern, lowercaseName)),
  issuer: z.optional(name(roleNamePattern, lowercaseName)),
  cluster: z.optional(name(roleNamePattern, lowercaseName)),
  subject: z.optional(pattern),
  claims: z.optional(claims),
}).check(z.superRefine((take, context) => {
  const message = whyNoTake(take);
  if (message !== undefined) context.addIssue({ code: "custom", message, input: take });
}));

interface RawTake {
  readonly person?: string | undefined;
  readonly socket?: string | undefined;
  readonly issuer?: string | undefined;
  readonly cluster?: string | undefined;
  readonly subject?: string | undefined;
  readonly claims?: Readonly<Record<string, string>> | undefined;
}

function whyNoTake({ person, socket, issuer, cluster, subject, claims }: RawTake): string | undefined {
  const sources = [person, socket, issuer, cluster].filter((one) => one !== undefined).length;
  if (sources !== 1) return "has exactly one of person, socket, issuer and cluster";
  const narrowed = subject !== undefined || (claims !== undefined && Object.keys(claims).length > 0);
  const remote = issuer !== undefined || cluster !== undefined;
  if (remote && !narrowed) {
    return "has neither a subject nor a claim, so that every token of this issuer would take the role";
  }
  if (!remote && (subject !== undefined || claims !== undefined)) {
    return "has a subject or claims, which only an issuer or a cluster has";
  }
  return undefined;
}

const verb = z.enum(verbNames as readonly [Verb, ...Verb[]], {
  error: ({ input }) =>
    typeof input === "string" ? unknownWord("verb", input, verbNames) : complaintOf(input, "must be a verb"),
});

const path = z.string(say("must be a path, with quotes around it")).check(z.superRefine((text, context) => {
  const why = whyNoRulePath(text);
  if (why !== undefined) context.addIssue({ code: "custom", message: why, input: text });
}));

function whyNoRulePath(text: string): string | undefined {
  if (text === wholeStore) return undefined;
  try {
    if (text.endsWith("/")) folderPath(text);
    else secretPath(text);
    return text.includes("*") ? "has a *, and rules are for whole segments; end the path above it" : undefined;
  } catch {
    return `must be a path such as db/prod, db/prod/ for all below it, or ${wholeStore} for the whole store`;
  }
}

const ruleSchema = mapping({
  path,
  verbs: z.array(verb, say("must be a list of verbs")).check(z.minLength(1, "is empty")),
}).check(z.refine(
  ({ path, verbs }) => path === wholeStore || !verbs.includes("admin"),
  `gives admin below a path, and admin is for the whole store; give it in a rule with path: ${wholeStore}`,
));

const ttlText = "must be a duration from 1m to 24h, such as 30m";

const tokenTtl = z.string(say(ttlText)).check(z.refine((text) => {
  const ms = parseDuration(text);
  return ms !== undefined && ms >= policyLimits.minTokenTtlMs && ms <= policyLimits.maxTokenTtlMs;
}, ttlText));

const roleSchema = mapping({
  take: z.optional(
    z.array(takeSchema, say("must be a list")).check(z.maxLength(policyLimits.takes, "has too many entries")),
  ),
  rules: z.array(ruleSchema, say("must be a list of rules")).check(
    z.maxLength(policyLimits.rules, "has too many rules"),
  ),
  tokenTtl: z.optional(tokenTtl),
});

/** A policy as people write it, in YAML or JSON. */
export const policySchema = mapping({
  roles: z.record(name(roleNamePattern, lowercaseName), roleSchema, say("must be a mapping of roles")).check(
    z.refine((roles) => Object.keys(roles).length <= policyLimits.roles, "has too many roles"),
  ),
});

/** A policy that matches {@linkcode policySchema}. */
export type PolicyDocument = z.infer<typeof policySchema>;
