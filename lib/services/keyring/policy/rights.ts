/**
 * Decisions of the policy. All that no rule permits is refused.
 *
 * @module
 */
import { type FolderPath, parentOf, type SecretPath } from "../../../api/keyring/paths.ts";
import { type Verb, verbNames } from "../../../api/keyring/verbs.ts";
import { wholeStore } from "../../../api/keyring/policy.ts";
import type { Identity } from "./identity.ts";
import { coversPath, type Policy, type Rule } from "./policy.ts";

/** The rules of an identity: those of all its roles. */
function rulesOf(policy: Policy, { roles }: Identity): readonly Rule[] {
  return roles.flatMap((name) => policy.roles.get(name)?.rules ?? []);
}

/** Whether an identity may use a verb on a secret, or on a folder with all that is in it; the root for `admin`. */
export function allows(policy: Policy, identity: Identity, verb: Verb, path: SecretPath | FolderPath): boolean {
  if (identity.kind === "local-admin") return true;
  return rulesOf(policy, identity).some((rule) => rule.verbs.has(verb) && coversPath(rule.path, path));
}

/**
 * Whether an identity may list a folder, or see one entry of it. A folder on the way to one that may be listed is shown.
 *
 * @param entry the whole path of a secret or a folder in `folder`; without it, the question is about the folder.
 */
export function mayList(
  policy: Policy,
  identity: Identity,
  folder: FolderPath,
  entry?: SecretPath | FolderPath,
): boolean {
  if (entry !== undefined && parentOf(entry) !== folder) return false;
  return mayReach(policy, identity, "list", entry ?? folder);
}

/** Whether an identity may use a verb on a secret, or on a folder or anything below it. */
export function mayReach(policy: Policy, identity: Identity, verb: Verb, path: SecretPath | FolderPath): boolean {
  if (allows(policy, identity, verb, path)) return true;
  if (path !== "" && !path.endsWith("/")) return false;
  return rulesOf(policy, identity).some((rule) => rule.verbs.has(verb) && rule.path.startsWith(path));
}

/**
 * The rights among `rules` that an identity does not hold itself, and so may not grant.
 *
 * @returns texts such as `read on db/prod`; empty if it may grant all.
 */
export function rightsBeyond(policy: Policy, identity: Identity, rules: readonly Rule[]): readonly string[] {
  if (identity.kind === "local-admin") return [];
  return rightsMissing(rulesOf(policy, identity), rules);
}

/** The rights among `wanted` that `held` does not contain, as {@linkcode rightsBeyond} returns them. */
export function rightsMissing(held: readonly Rule[], wanted: readonly Rule[]): readonly string[] {
  const missing = wanted.flatMap((rule) =>
    verbNames.filter((verb) =>
      rule.verbs.has(verb) && !held.some(({ verbs, path }) => verbs.has(verb) && coversPath(path, rule.path))
    ).map((verb) => `${verb} on ${rule.path === wholeStore ? "the whole store" : rule.path}`)
  );
  return [...new Set(missing)];
}
