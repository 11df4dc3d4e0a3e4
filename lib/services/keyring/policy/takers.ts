/**
 * Which roles of a policy an identity may take.
 *
 * @module
 */
import { matchesPattern } from "../../../api/keyring/subject_pattern.ts";
import type { Policy, Role, RoleTake } from "./policy.ts";

/** A value of a claim that can be compared; any other value matches no pattern. */
export type ClaimValue = string | readonly string[];

/** An identity that asks for a role. */
export type Taker =
  | { readonly kind: "person" | "socket"; readonly name: string }
  | {
    readonly kind: "issuer" | "cluster";
    /** The configured name of the issuer or cluster. */
    readonly name: string;
    readonly subject: string;
    readonly claims: ReadonlyMap<string, ClaimValue>;
  };

/** Whether one entry of a role's `take` is for the identity. */
export function mayTake(role: Role, taker: Taker): boolean {
  return role.take.some((take) => isFor(take, taker));
}

/** The names of the roles that an identity may take, sorted. */
export function rolesFor(policy: Policy, taker: Taker): readonly string[] {
  return [...policy.roles].filter(([, role]) => mayTake(role, taker)).map(([name]) => name).toSorted();
}

/** The claims that `take` entries of a policy name for an issuer or a cluster. */
export function claimsNamed(role: Role, taker: Pick<Taker, "kind" | "name">): ReadonlySet<string> {
  return new Set(
    role.take.flatMap((take) =>
      "claims" in take && take.kind === taker.kind && take.name === taker.name ? [...take.claims.keys()] : []
    ),
  );
}

function isFor(take: RoleTake, taker: Taker): boolean {
  if (take.kind !== taker.kind || take.name !== taker.name) return false;
  if (!("claims" in take) || !("claims" in taker)) return !("claims" in take) && !("claims" in taker);
  if (take.subject === undefined && take.claims.size === 0) return false;
  if (take.subject !== undefined && !matchesPattern(take.subject, taker.subject)) return false;
  return [...take.claims].every(([name, pattern]) => matchesClaim(pattern, taker.claims.get(name)));
}

function matchesClaim(pattern: string, value: ClaimValue | undefined): boolean {
  if (value === undefined) return false;
  return (typeof value === "string" ? [value] : value).some((one) => matchesPattern(pattern, one));
}
