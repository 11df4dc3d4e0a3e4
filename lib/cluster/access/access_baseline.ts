/**
 * Compares access to Secrets with an earlier report.
 *
 * @module
 */
import type { SecretAccess } from "./secret_access.ts";

/** The permissions of an earlier report, without the paths that gave them. */
export type AccessBaseline = readonly KnownAccess[];

type KnownAccess = Pick<SecretAccess, "subject" | "namespace" | "resources" | "verbs" | "names"> & {
  readonly way: string;
};

/**
 * The access that is not in a baseline: a subject that gains a way, a resource, a verb, a namespace, or further objects.
 * Another path to the same access is not new.
 */
export function newAccess(access: readonly SecretAccess[], baseline: AccessBaseline): readonly SecretAccess[] {
  const known = new Set(baseline.flatMap(atomsOf));
  return access.filter((one) => atomsOf(one).some((atom) => !known.has(atom)));
}

/** One text for each resource, verb and object. */
function atomsOf({ subject, namespace, way, resources, verbs, names }: KnownAccess): readonly string[] {
  const objects = names.length === 0 ? ["*"] : names.map((name) => `=${name}`);
  return resources.flatMap((resource) =>
    verbs.flatMap((verb) => objects.map((object) => JSON.stringify([subject, namespace, way, resource, verb, object])))
  );
}
