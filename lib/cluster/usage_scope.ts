/**
 * The resources that a verification covers.
 *
 * @module
 */
import type { UsageRow } from "./encryption_usage.ts";

/** A list of resources of an EncryptionConfiguration, and whether its providers read plain text. */
export interface EncryptedList {
  /** Names as in the file, wildcards included. */
  readonly resources: readonly string[];
  readonly readsPlain: boolean;
}

/** Whether a name of a list, which may be a wildcard, covers a resource. */
export type Covers = (name: string, resource: string) => boolean;

/**
 * The rows of the resources that are in scope. A plain value of a resource whose list has `identity` is `identity`. A
 * resource of the lists without a value becomes a row with 0 objects.
 *
 * @param covers also holds for equal names.
 */
export function rowsInScope(
  rows: readonly UsageRow[],
  lists: readonly EncryptedList[],
  covers: Covers,
): readonly UsageRow[] {
  const listOf = (resource: string) => lists.find(({ resources }) => resources.some((name) => covers(name, resource)));
  const found = rows.flatMap((row): UsageRow[] => {
    const list = listOf(row.resource);
    if (list === undefined) return [];
    return [row.state === "plain" && list.readsPlain ? { ...row, state: "identity" } : row];
  });
  const named = lists.flatMap(({ resources }) => resources).filter((name) => !name.includes("*"));
  const missing = named.filter((name) => !found.some(({ resource }) => resource === name));
  return [...found, ...missing.map(emptyRow)].sort((a, b) =>
    a.resource < b.resource ? -1 : a.resource > b.resource ? 1 : 0
  );
}

function emptyRow(resource: string): UsageRow {
  return {
    resource,
    state: "plain",
    provider: null,
    keyId: null,
    format: null,
    wraps: [],
    objects: 0,
    olderRevisions: 0,
    oldestRevision: null,
    names: [],
  };
}
