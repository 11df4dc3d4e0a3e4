/**
 * A parsed policy.
 *
 * @module
 */
import { policyLimits, wholeStore } from "../../../api/keyring/policy.ts";
import type { FolderPath, SecretPath } from "../../../api/keyring/paths.ts";
import type { Verb } from "../../../api/keyring/verbs.ts";

/** A right: verbs on the secrets and folders that a path covers. */
export interface Rule {
  /** Without a last slash, that secret and all below it; with one, all below it; {@linkcode wholeStore}. */
  readonly path: string;
  readonly verbs: ReadonlySet<Verb>;
}

/** An entry of `take`: identities that may take a role. */
export type Take =
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
  readonly take: readonly Take[];
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

/** Whether the path of a rule covers a secret, or a folder with all that is in it. */
export function coversPath(rule: string, path: SecretPath | FolderPath): boolean {
  if (rule === wholeStore) return true;
  return rule.endsWith("/") ? path.startsWith(rule) : path === rule || path.startsWith(`${rule}/`);
}

/** Whether the path of one rule covers all that the path of another one covers. */
export function coversRule(rule: string, other: string): boolean {
  if (rule === wholeStore) return true;
  if (other === wholeStore) return false;
  return coversPath(rule, other as SecretPath | FolderPath);
}

/** The lifetime of a login's token for a role that says none, in milliseconds. */
export const { tokenTtlMs: defaultTokenTtlMs } = policyLimits;
