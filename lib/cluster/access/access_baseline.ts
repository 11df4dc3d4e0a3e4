/**
 * Compares access to Secrets with an earlier report.
 *
 * @module
 */
import { z } from "zod";
import { KmsError } from "../../base/errors.ts";
import type { SecretAccess } from "./secret_access.ts";

const baselineShape = z.object({
  access: z.array(z.object({
    subject: z.string(),
    namespace: z.string(),
    way: z.string(),
    resources: z.array(z.string()),
    verbs: z.array(z.string()),
    names: z.array(z.string()),
  })),
});

/** The permissions of an earlier report, without the paths that gave them. */
export type AccessBaseline = readonly KnownAccess[];

type KnownAccess = Pick<SecretAccess, "subject" | "namespace" | "resources" | "verbs" | "names"> & {
  readonly way: string;
};

/**
 * Reads a report of `trousseau audit access --json`.
 *
 * @throws {KmsError} `config` if it is none.
 */
export function readAccessBaseline(text: string, path: string): AccessBaseline {
  const found = baselineShape.safeParse(parsed(text));
  if (found.success) return found.data.access;
  throw new KmsError("config", `${path} is no report of trousseau audit access --json.`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

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
