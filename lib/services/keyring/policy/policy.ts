/**
 * A parsed policy.
 *
 * @module
 */
import { policyLimits, wholeStore } from "../../../api/keyring/policy.ts";
import type { Verb } from "../../../api/keyring/verbs.ts";

/** A right: verbs on the secrets and folders that a path covers. */
export interface Rule {
  /** Without a last slash, that secret and all below it; with one, all below it; {@linkcode wholeStore}. */
  readonly path: string;
  readonly verbs: ReadonlySet<Verb>;
}

/** An entry of `take`: identities that may take a role. */
export type RoleTake =
  | { readonly kind: "person"; readonly name: string }
  | { readonly kind: "socket"; readonly name: string }
  | {
    readonly kind: "issuer" | "cluster";
    readonly name: string;
    /** A pattern of `subject_pattern.ts`. */
    readonly subject?: string;
    /** Patterns by the name of a claim. */
    readonly claims: ReadonlyMap<string, string>;
  };

/** A role. */
export interface Role {
  readonly take: readonly RoleTake[];
  readonly rules: readonly Rule[];
  /** Lifetime of a login's token in milliseconds. */
  readonly tokenTtlMs: number;
}

/** A policy. */
export interface Policy {
  /** Counts the changes; 0 for the empty policy of a new store. */
  readonly version: number;
  readonly roles: ReadonlyMap<string, Role>;
}

/** The policy of a store in which none was set: it has no role. */
export const emptyPolicy: Policy = { version: 0, roles: new Map() };

/**
 * Whether the path of a rule covers a secret, a folder with all that is in it, or all that another rule covers.
 *
 * @param path of a secret, of a folder, or of a rule.
 */
export function coversPath(rule: string, path: string): boolean {
  if (rule === wholeStore) return true;
  return rule.endsWith("/") ? path.startsWith(rule) : path === rule || path.startsWith(`${rule}/`);
}

/** The lifetime of a login's token for a role that says none, in milliseconds. */
export const { tokenTtlMs: defaultTokenTtlMs } = policyLimits;
