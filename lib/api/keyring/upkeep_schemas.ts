/**
 * Work on a whole store that the administrator starts on a running server: its request, and its reports.
 *
 * @module
 */
import * as z from "zod/mini";

/** The report of each kind of work. */
export const upkeepReports = {
  /** Store keys that were wrapped anew. */
  rewrap: z.object({ keys: z.int() }),
  /** Records that were sealed anew, and rows that belong to nothing. */
  reseal: z.object({ resealed: z.int(), skipped: z.int() }),
  /** Rows of the index that were moved. */
  reindex: z.object({ rows: z.int() }),
  /** Rows by table, secrets, opened values, and at most 100 of the problems. */
  verify: z.object({
    rows: z.record(z.string(), z.int()),
    secrets: z.int(),
    values: z.int(),
    problems: z.readonly(z.array(z.string())),
    problemCount: z.int(),
  }),
  /** The number of authorities that are trusted, their certificates in PEM, the newest first, and the new one's fingerprint. */
  "rotate-authority": z.object({ authorities: z.int(), bundle: z.string(), fingerprint: z.string() }),
} as const satisfies Readonly<Record<string, z.ZodMiniType>>;

/** A kind of work. */
export type UpkeepJob = keyof typeof upkeepReports;

/** The report of a kind of work. */
export type UpkeepReport<Job extends UpkeepJob = UpkeepJob> = z.infer<(typeof upkeepReports)[Job]>;

const jobs = Object.keys(upkeepReports) as [UpkeepJob, ...UpkeepJob[]];

/** The request. */
export const upkeepRequest = z.strictObject({
  job: z.enum(jobs).check(z.describe("The work.")),
  providers: z.optional(
    z.array(z.string()).check(
      z.maxLength(8),
      z.describe("Names of the providers that the server must have, else it refuses: for rewrap."),
    ),
  ),
});

/** A line of the answer. The last one has a report or a problem. */
export const upkeepLine = z.union([
  z.object({ progress: z.string() }),
  z.object({ report: z.unknown() }),
  z.object({ problem: z.object({ type: z.string(), detail: z.string() }) }),
]);

export type UpkeepRequest = z.infer<typeof upkeepRequest>;
