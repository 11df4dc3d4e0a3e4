/**
 * Requests and answers of the routes for secrets.
 *
 * @module
 */
import * as z from "zod/mini";
import {
  described,
  fieldChanges,
  fieldMap,
  fieldName,
  fieldOutput,
  labelChanges,
  labelMap,
  problemDocument,
  secretPathText,
  shownTime,
  timeText,
  versionNumbers,
  versionsText,
  whole,
  wholeText,
} from "./common_schemas.ts";
import { secretLimits } from "./fields.ts";
import { generatorSchema } from "./generators.ts";

/** Limits of the requests for several secrets. */
export const requestLimits = {
  /** Maximum number of paths of one `POST read`. */
  readPaths: 100,
  /** Maximum number of bytes of all values of one `POST read`: 8 MiB. */
  readBytes: 8_388_608,
  /** Maximum number of entries of a page of a listing. */
  listEntries: 1_000,
  /** Maximum number of secrets of one import. */
  importItems: 10_000,
} as const;

/** Query of `GET secrets/{path}`. */
export const readQuery = z.strictObject({
  version: z.optional(wholeText("Number of the version; the newest one if left out.")),
  field: z.optional(fieldName.check(z.describe("Name of the one field to read."))),
});

/** Query of `DELETE secrets/{path}`. */
export const deleteQuery = z.strictObject({
  versions: z.optional(versionsText("Versions to delete; the whole secret if left out.")),
});

/** Query of `GET diff/{path}`. */
export const diffQuery = z.strictObject({
  from: wholeText("The older version."),
  to: wholeText("The newer version."),
});

/** Query of `GET list/{folder}`. */
export const listQuery = z.strictObject({
  after: z.optional(described("Path of the last entry of the page before.")),
  limit: z.optional(wholeText("Maximum number of entries, 1 to 1000; default 1000.", 1, requestLimits.listEntries)),
});

/** Body of `POST secrets/{path}`. */
export const createRequest = z.strictObject({
  fields: fieldMap,
  labels: z.optional(labelMap),
  expiresAt: z.optional(timeText),
});

/** Body of `PUT secrets/{path}`. */
export const updateRequest = z.strictObject({ fields: fieldMap, expiresAt: z.optional(timeText) });

/** Body of `PATCH secrets/{path}`. */
export const patchRequest = z.strictObject({
  fields: z.optional(fieldChanges),
  labels: z.optional(labelChanges),
  expiresAt: z.optional(z.nullable(timeText)),
  keptVersions: z.optional(whole("Number of versions that are kept.", 1, secretLimits.maxKeptVersions)),
});

/** Body of `POST generate/{path}`. */
export const generateRequest = z.strictObject({
  field: fieldName,
  generator: generatorSchema,
  labels: z.optional(labelMap),
  expiresAt: z.optional(timeText),
});

/** Body of `POST undelete/{path}`. */
export const undeleteRequest = z.strictObject({ versions: z.optional(versionNumbers) });

/** Body of `POST destroy/{path}`. */
export const destroyRequest = z.strictObject({ versions: versionNumbers });

/** Body of `POST move`. */
export const moveRequest = z.strictObject({ from: secretPathText, to: secretPathText });

/** Body of `POST read`. */
export const readManyRequest = z.strictObject({
  paths: z.array(secretPathText, "must be a list of paths").check(
    z.minLength(1, `must have 1 to ${requestLimits.readPaths} paths`),
    z.maxLength(requestLimits.readPaths, `must have 1 to ${requestLimits.readPaths} paths`),
  ),
});

/** Body of `POST import`. */
export const importRequest = z.strictObject({
  items: z.array(
    z.strictObject({
      path: secretPathText,
      fields: fieldMap,
      labels: z.optional(labelMap),
      expiresAt: z.optional(timeText),
    }),
    "must be a list of secrets",
  ).check(
    z.minLength(1, "must not be empty"),
    z.maxLength(requestLimits.importItems, `must have at most ${requestLimits.importItems} secrets`),
  ),
  dryRun: z.boolean("must be true or false"),
});

/** A secret with its values. */
export const secretAnswer = z.object({
  path: z.string(),
  version: z.int(),
  createdAt: shownTime,
  labels: z.record(z.string(), z.string()),
  expiresAt: z.optional(shownTime),
  fields: z.record(z.string(), fieldOutput),
});

/** A secret after a write. */
export const writtenAnswer = z.object({ path: z.string(), version: z.int() });

/** A secret after a value was generated; the value is not shown. */
export const generatedAnswer = z.object({
  path: z.string(),
  version: z.int(),
  fingerprint: z.string().check(z.describe("16 hexadecimal digits of a keyed hash of the value.")),
  bits: z.optional(z.number().check(z.describe("Entropy of the value; not in the answer to a repeated request."))),
});

/** A version of a secret without its values. */
export const versionAnswer = z.object({
  version: z.int(),
  state: z.enum(["live", "deleted", "destroying", "destroyed"]),
  createdAt: shownTime,
  deletedAt: z.optional(shownTime),
  fields: z.array(z.object({ name: z.string(), kind: z.enum(["text", "json", "bytes"]) })),
  generated: z.boolean(),
  fingerprint: z.optional(z.string()),
});

/** A secret and all its versions, without values. */
export const historyAnswer = z.object({
  path: z.string(),
  id: z.string().check(z.describe("32 hexadecimal digits; it stays the same when the secret is moved.")),
  labels: z.record(z.string(), z.string()),
  expiresAt: z.optional(shownTime),
  currentVersion: z.int(),
  keptVersions: z.int(),
  createdAt: shownTime,
  updatedAt: shownTime,
  versions: z.array(versionAnswer),
});

/** Names of the fields that differ between two versions. */
export const diffAnswer = z.object({
  added: z.array(z.string()),
  removed: z.array(z.string()),
  changed: z.array(z.string()),
  same: z.array(z.string()),
});

/** One level of a folder. */
export const listAnswer = z.object({
  entries: z.array(z.object({
    path: z.string().check(z.describe("Path of a secret, or of a folder with a slash at its end.")),
    version: z.optional(z.int()),
    updatedAt: z.optional(shownTime),
    expiresAt: z.optional(shownTime),
    labels: z.optional(z.record(z.string(), z.string())),
  })),
  more: z.boolean().check(z.describe("Whether there are entries behind the last one.")),
});

/** Several secrets, in the order of the request. */
export const readManyAnswer = z.object({
  secrets: z.array(z.object({
    path: z.string(),
    secret: z.optional(secretAnswer),
    problem: z.optional(problemDocument),
  })),
});

/** The result of an import. If a secret has a problem, none was written. */
export const importAnswer = z.object({
  written: z.int().check(z.describe("Number of secrets that were written; 0 for a dry run.")),
  items: z.array(z.object({
    path: z.string(),
    version: z.optional(z.int()),
    problem: z.optional(problemDocument),
  })),
});

/** The data of a `change` event of `GET watch/{folder}`. */
export const changeEvent = z.object({
  path: z.string(),
  version: z.int(),
  action: z.enum(["create", "update", "patch", "move", "delete", "undelete", "destroy"]),
  from: z.optional(z.string().check(z.describe("For a move, the path before, if it may be listed."))),
});

export type CreateRequest = z.input<typeof createRequest>;
export type UpdateRequest = z.input<typeof updateRequest>;
export type PatchRequest = z.input<typeof patchRequest>;
export type GenerateRequest = z.input<typeof generateRequest>;
export type MoveRequest = z.input<typeof moveRequest>;
export type ReadManyRequest = z.input<typeof readManyRequest>;
export type ImportRequest = z.input<typeof importRequest>;
export type SecretAnswer = z.infer<typeof secretAnswer>;
export type WrittenAnswer = z.infer<typeof writtenAnswer>;
export type GeneratedAnswer = z.infer<typeof generatedAnswer>;
export type HistoryAnswer = z.infer<typeof historyAnswer>;
export type DiffAnswer = z.infer<typeof diffAnswer>;
export type ListAnswer = z.infer<typeof listAnswer>;
export type ReadManyAnswer = z.infer<typeof readManyAnswer>;
export type ImportAnswer = z.infer<typeof importAnswer>;
export type ChangeEvent = z.infer<typeof changeEvent>;
