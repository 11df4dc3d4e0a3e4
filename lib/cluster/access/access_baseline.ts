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
 * Another path to the same access is not new, nor is a part of access to all namespaces or all objects.
 */
export function newAccess(access: readonly SecretAccess[], baseline: AccessBaseline): readonly SecretAccess[] {
  const known = new Set(baseline.flatMap(atomsOf).map(textOf));
  return access.filter((one) => atomsOf(one).some((atom) => !withinOf(atom).some((wider) => known.has(textOf(wider)))));
}

/** One verb on one resource, by one subject in one way. */
interface Atom {
  readonly right: readonly string[];
  /** `*`: all, as no namespace can be named. */
  readonly namespace: string;
  /** `*`: all; the name of an object follows `=`. */
  readonly object: string;
}

function atomsOf({ subject, namespace, way, resources, verbs, names }: KnownAccess): readonly Atom[] {
  const objects = names.length === 0 ? ["*"] : names.map((name) => `=${name}`);
  return resources.flatMap((resource) =>
    verbs.flatMap((verb) => objects.map((object) => ({ right: [subject, way, resource, verb], namespace, object })))
  );
}

/** The atom, and those that have its scope within theirs. */
function withinOf({ right, namespace, object }: Atom): readonly Atom[] {
  return [namespace, "*"].flatMap((namespace) => [object, "*"].map((object) => ({ right, namespace, object })));
}

function textOf({ right, namespace, object }: Atom): string {
  return JSON.stringify([...right, namespace, object]);
}
