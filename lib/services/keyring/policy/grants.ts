/**
 * The rights that a new policy grants beyond the old one. An administrator grants only rights that he holds.
 *
 * @module
 */
import type { Identity } from "./identity.ts";
import type { Policy, Role, RoleTake, Rule } from "./policy.ts";
import { rightsBeyond, rightsMissing } from "./rights.ts";

/**
 * The rights that a new policy grants and that an identity does not hold under the old one. A role with a new entry in
 * `take` grants all of its rules anew; else only its rules beyond those of the old role count.
 *
 * @returns texts such as `read on db/prod`; empty if the identity may set the policy.
 */
export function grantsBeyond(before: Policy, after: Policy, by: Identity): readonly string[] {
  const granted = [...after.roles].flatMap(([name, role]) => grantedBy(before.roles.get(name), role));
  return rightsBeyond(before, by, granted);
}

function grantedBy(before: Role | undefined, after: Role): readonly Rule[] {
  if (before === undefined || after.take.some((take) => !before.take.some((old) => sameTake(old, take)))) {
    return after.rules;
  }
  return after.rules.flatMap(({ path, verbs }) => [...verbs].map((verb) => ({ path, verbs: new Set([verb]) })))
    .filter((right) => rightsMissing(before.rules, [right]).length > 0);
}

function sameTake(one: RoleTake, other: RoleTake): boolean {
  return takeText(one) === takeText(other);
}

function takeText(take: RoleTake): string {
  if (!("claims" in take)) return JSON.stringify([take.kind, take.name]);
  return JSON.stringify([take.kind, take.name, take.subject ?? null, [...take.claims].toSorted()]);
}
