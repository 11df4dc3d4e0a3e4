/**
 * The requests of Vault's clients that are taken. Options that are not in a schema are refused, since they would change
 * the meaning.
 *
 * @module
 */
import * as z from "zod/mini";
import { named, versionNumbers, whole, wholeText } from "../../../../api/keyring/common_schemas.ts";

const data = z.record(z.string(), z.unknown(), {
  error: ({ input }) => input === undefined || input === null ? "has no data" : "must be an object",
});

const casNumber = z.int("must be a version number").check(z.gte(0, "must be a version number"));

/** A version for check-and-set. Terraform's maps have texts only. */
const cas = z.union([
  casNumber,
  z.pipe(z.string().check(z.regex(/^(0|[1-9][0-9]{0,9})$/)), z.transform(Number)),
], "must be a version number");

/**
 * Body of `POST M/data/P` and of `PATCH M/data/P`. Terraform's provider sends `cas` beside `data` as well, with 0 where
 * its configuration has none.
 */
export const kvWrite = z.strictObject({
  data,
  cas: z.optional(z.nullable(casNumber)),
  options: z.optional(z.nullable(z.strictObject({ cas: z.optional(z.nullable(cas)) }))),
});

/** The version that a write expects, if it expects one. */
export function expectedVersion({ cas, options }: z.output<typeof kvWrite>): number | undefined {
  return options?.cas ?? (cas === 0 ? undefined : cas ?? undefined);
}

/**
 * Body of `POST M/metadata/P` and of `PATCH M/metadata/P`. Settings that this server does not have are taken with the
 * value that changes nothing, which Terraform's provider always sends.
 */
export const kvMetadataWrite = z.strictObject({
  custom_metadata: z.optional(
    z.nullable(z.record(z.string(), z.nullable(z.string("must be a text")), "must be an object")),
  ),
  max_versions: z.optional(z.nullable(whole("Versions that are kept; 0 is the number of the server.", 0))),
  cas_required: z.optional(z.nullable(z.literal(false, "must be false; each write asks for check-and-set itself"))),
  delete_version_after: z.optional(
    z.nullable(z.union([z.literal(["", "0", "0s"]), z.literal(0)], "must be 0; versions have no expiry of their own")),
  ),
});

/** Query of `GET M/data/P`; version 0 is the newest one. */
export const kvReadQuery = z.strictObject({ version: z.optional(wholeText("A version.", 0)) });

/** Query of `GET M/metadata/P?list=true`. */
export const kvListQuery = z.strictObject({ list: z.literal("true") });

/** Body of `POST M/{delete,undelete,destroy}/P`. Some clients send the numbers as texts. */
export const kvVersions = z.strictObject({
  versions: z.union([
    versionNumbers,
    z.pipe(
      z.array(z.string().check(z.regex(/^[1-9][0-9]{0,9}$/, "must be version numbers"))).check(
        z.minLength(1, "must have 1 to 100 versions"),
        z.maxLength(100, "must have 1 to 100 versions"),
      ),
      z.transform((texts) => texts.map(Number)),
    ),
  ], "must be a list of version numbers"),
});

/** Body of `POST auth/{kubernetes,jwt}/login`. */
export const jwtLogin = z.strictObject({ role: named("A role.", 128), jwt: named("A JWT.", 65_536) });

/** Body of `POST auth/cert/login`; `name` is Vault's word for a role. Some clients send `null`. */
export const certificateLogin = z.nullable(z.strictObject({
  role: z.optional(named("A role.", 128)),
  name: z.optional(named("A role.", 128)),
}));

/** Body of `POST auth/token/renew-self`. The role sets the lifetime, so that `increment` is a wish. */
export const renewSelf = z.strictObject({ increment: z.optional(z.union([z.int(), z.string()])) });
