/**
 * Notes of `trousseau rewrite` about custom resources whose Tables show more than names.
 *
 * @module
 */
import { type Collection, resourceId } from "../../cluster/rewrite/object_names.ts";
import { fieldColumns } from "../../cluster/rewrite/object_pages.ts";
import type { PatientCall } from "../../cluster/rewrite/patient_requests.ts";
import { builtInResources } from "../../config/encryption/resources.ts";
import type { RewriteTargets } from "./rewrite_targets.ts";

/**
 * Adds a note for each custom resource with a column that can show a field of the object. The columns are asked for
 * before any row.
 */
export async function withColumnNotes(
  call: PatientCall,
  targets: RewriteTargets,
  collections: readonly Collection[],
): Promise<RewriteTargets> {
  const builtIn = builtInResources();
  const custom = collections.filter(({ resource: { group, name } }) => !builtIn.get(group)?.includes(name));
  const notes: string[] = [];
  for (const [id, own] of Map.groupBy(custom, ({ resource }) => resourceId(resource))) {
    const columns = await columnsOf(call, own);
    if (columns.length === 0) continue;
    notes.push(
      `Answers about ${id} have its printer columns ${
        columns.join(", ")
      } beside the names; --by migration asks for none.`,
    );
  }
  return { ...targets, notes: [...targets.notes, ...notes] };
}

/** All namespaces of a resource have the same columns, of which some may not be listed. */
async function columnsOf(call: PatientCall, collections: readonly Collection[]): Promise<readonly string[]> {
  for (const collection of collections) {
    const columns = await fieldColumns(call, collection);
    if (columns !== undefined) return columns;
  }
  return [];
}
