/**
 * Makes the provenance of a release: an in-toto statement with the predicate of SLSA 1.0.
 *
 * @module
 */
import { type Provenance, provenanceTypes } from "../../lib/release/provenance.ts";
import type { Sum } from "../../lib/release/sums.ts";
import type { ReleaseIdentity } from "./part.ts";

/** The input. */
export interface ProvenanceInput extends ReleaseIdentity {
  /** All files of the release but the provenance itself, the list of sums and its signature. */
  readonly files: readonly Sum[];
  /** Files that the build took, such as locks and runtimes. */
  readonly materials: readonly Sum[];
}

/**
 * The statement. It has nothing of the machine, so that a second build gives the same bytes; the builder is the recipe.
 */
export function makeProvenance({ version, commit, sourceDate, files, materials }: ProvenanceInput): Provenance {
  const asResource = ({ file, sha256 }: Sum) => ({ name: file, digest: { sha256 } });
  return {
    _type: provenanceTypes.statement,
    subject: files.map(asResource),
    predicateType: provenanceTypes.predicate,
    predicate: {
      buildDefinition: {
        buildType: provenanceTypes.build,
        externalParameters: { version, commit, sourceDateEpoch: sourceDate, task: "deno task release" },
        internalParameters: { deno: Deno.version.deno },
        resolvedDependencies: [
          { name: "source", digest: { gitCommit: commit } },
          ...materials.map(asResource),
        ],
      },
      runDetails: { builder: { id: "urn:trousseau:deno-task-release" } },
    },
  };
}
