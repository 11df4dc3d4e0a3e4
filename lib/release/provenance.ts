/**
 * The provenance of a release: an in-toto statement with the predicate of SLSA 1.0.
 *
 * @module
 */
import * as z from "zod/mini";
import { jsonOf } from "./bill_of_materials.ts";
import { ReleaseError } from "./release_error.ts";

/** Its name in a release. */
export const provenanceFile = "provenance.intoto.json";

/** The types that a statement names. */
export const provenanceTypes = {
  statement: "https://in-toto.io/Statement/v1",
  predicate: "https://slsa.dev/provenance/v1",
  build: "urn:trousseau:release:v1",
} as const;

const resource = z.looseObject({ digest: z.record(z.string(), z.string()), name: z.optional(z.string()) });
const statement = z.looseObject({
  _type: z.literal(provenanceTypes.statement),
  predicateType: z.literal(provenanceTypes.predicate),
  subject: z.array(z.looseObject({ name: z.string(), digest: z.looseObject({ sha256: z.string() }) })),
  predicate: z.looseObject({
    buildDefinition: z.looseObject({
      buildType: z.literal(provenanceTypes.build),
      externalParameters: z.looseObject({ version: z.string(), commit: z.string() }),
      resolvedDependencies: z.array(resource),
    }),
  }),
});

/** The statement. */
export type Provenance = z.infer<typeof statement>;

/** Reads the statement. @throws {ReleaseError} */
export function parseProvenance(text: string): Provenance {
  const parsed = statement.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data;
  throw new ReleaseError("Cannot read the provenance: it is not the in-toto statement that a release has.");
}

/** The commit that the statement's source has, from its digest and from its parameters: both must agree. */
export function provenanceCommits({ predicate: { buildDefinition } }: Provenance): string[] {
  const digests = buildDefinition.resolvedDependencies.flatMap(({ digest: { gitCommit } }) => gitCommit ?? []);
  return [buildDefinition.externalParameters.commit, ...digests];
}
