/**
 * Requests and answers of the routes for identities, tokens and the policy.
 *
 * @module
 */
import * as z from "zod/mini";
import { base64Bytes, described, named, shownTime, whole } from "./common_schemas.ts";
import { type Verb, verbNames } from "./verbs.ts";

/** Minimum lifetime of a token in seconds. */
const minTokenSeconds = 60;

/** Maximum lifetime of a token in seconds: 90 days. */
export const maxTokenSeconds = 7_776_000;

const roleNames = z.array(named("Name of a role.", 128), "must be a list of names of roles").check(
  z.maxLength(64, "must have at most 64 roles"),
);

/** Body of `POST enrolments`. */
export const enrolmentRequest = z.strictObject({
  name: named("Name of the person, for the audit.", 128),
  roles: roleNames,
});

/** Body of `POST enrol`. */
export const enrolRequest = z.strictObject({
  code: named("The enrolment code, with or without its hyphens.", 128),
  publicKey: base64Bytes("The public key of the client, a SubjectPublicKeyInfo in DER."),
});

/** Body of `POST renew`. */
export const renewRequest = z.strictObject({
  publicKey: base64Bytes("The new public key of the client, a SubjectPublicKeyInfo in DER."),
});

/** Body of `POST login`. */
export const loginRequest = z.strictObject({
  method: z.enum(["kubernetes", "oidc"], "must be kubernetes or oidc"),
  issuer: z.optional(named("Name of the configured cluster or issuer; needed if there are several.", 128)),
  role: named("Name of the role of the policy.", 128),
  jwt: named("The token of the ServiceAccount or of the CI system.", 65_536),
});

/** Body of `POST tokens`. */
export const tokenRequest = z.strictObject({
  role: named("Name of the role of the policy.", 128),
  ttl: whole("Lifetime in seconds, from a minute to 90 days.", minTokenSeconds, maxTokenSeconds),
  name: named("Name of the token, for the audit.", 128),
});

/** Body of `PUT policy`. */
export const policyRequest = z.strictObject({ text: described("The policy in YAML or JSON.", 1_048_576) });

/** Query of `GET can`. */
export const canQuery = z.strictObject({
  verb: z.enum(verbNames as readonly [Verb, ...Verb[]], "must be a verb of the policy"),
  path: described("Path of a secret, or of a folder with a slash at its end."),
});

/** A new enrolment. */
export const enrolmentAnswer = z.object({
  id: z.string(),
  code: z.string().check(z.describe("To be used once, within ten minutes.")),
  expiresAt: shownTime,
});

/** Certificates of the authorities by which clients know the server. */
const serverAuthorities = z.optional(
  z.string().check(
    z.describe(
      "PEM of the authorities of the server, to be trusted from now on; left out where they are the operator's.",
    ),
  ),
);

/** A new client certificate. */
export const certificateAnswer = z.object({
  certificate: z.string().check(z.describe("PEM.")),
  ca: serverAuthorities,
  notAfter: shownTime,
});

/** A token of a login. */
export const loginAnswer = z.object({
  token: z.string(),
  expiresAt: shownTime,
  renewableUntil: z.optional(shownTime),
  ca: serverAuthorities,
});

/** The token of the request after it was renewed. */
export const renewedAnswer = z.object({
  expiresAt: shownTime,
  renewableUntil: z.optional(shownTime),
  ca: serverAuthorities,
});

/** A new token. */
export const tokenAnswer = z.object({ token: z.string(), id: z.string(), expiresAt: shownTime });

/** All tokens, without the tokens themselves. */
export const tokensAnswer = z.object({
  tokens: z.array(z.object({
    id: z.string().check(z.describe("32 hexadecimal digits.")),
    identity: z.string().check(z.describe("Name in the audit.")),
    role: z.string(),
    createdAt: shownTime,
    createdBy: z.string(),
    expiresAt: shownTime,
    state: z.enum(["active", "expired", "revoked"]),
  })),
});

/** The people that are enrolled or invited. */
export const identitiesAnswer = z.object({
  identities: z.array(z.object({
    id: z.string().check(z.describe("32 hexadecimal digits.")),
    name: z.string(),
    roles: z.array(z.string()),
    state: z.enum(["pending", "active", "ended", "revoked"]).check(
      z.describe("pending: the code was not used yet. ended: it has expired, or was made before a restore."),
    ),
    createdAt: shownTime,
    createdBy: z.string(),
    enrolledAt: z.optional(shownTime),
    endsAt: z.optional(shownTime),
    certificateUntil: z.optional(shownTime),
  })),
});

/** The identity of the request. */
export const whoamiAnswer = z.object({
  kind: z.enum(["local-admin", "person", "socket", "kubernetes", "oidc", "token"]),
  name: z.string(),
  id: z.string(),
  roles: z.array(z.string()),
  expiresAt: z.optional(shownTime),
});

/** Whether the policy allows something. */
export const canAnswer = z.object({ allowed: z.boolean() });

/** The policy. */
export const policyAnswer = z.object({ text: z.string(), version: z.int() });

/** The policy after it was set. */
export const policySetAnswer = z.object({ version: z.int() });

export type EnrolmentRequest = z.input<typeof enrolmentRequest>;
export type EnrolRequest = z.input<typeof enrolRequest>;
export type RenewRequest = z.input<typeof renewRequest>;
export type LoginBody = z.input<typeof loginRequest>;
export type TokenRequest = z.input<typeof tokenRequest>;
export type PolicyRequest = z.input<typeof policyRequest>;
export type EnrolmentAnswer = z.infer<typeof enrolmentAnswer>;
export type CertificateAnswer = z.infer<typeof certificateAnswer>;
export type LoginAnswer = z.infer<typeof loginAnswer>;
export type RenewedAnswer = z.infer<typeof renewedAnswer>;
export type TokenAnswer = z.infer<typeof tokenAnswer>;
export type TokensAnswer = z.infer<typeof tokensAnswer>;
export type IdentitiesAnswer = z.infer<typeof identitiesAnswer>;
export type WhoamiAnswer = z.infer<typeof whoamiAnswer>;
export type CanAnswer = z.infer<typeof canAnswer>;
export type PolicyAnswer = z.infer<typeof policyAnswer>;
export type PolicySetAnswer = z.infer<typeof policySetAnswer>;
