/**
 * The verbs of the policy.
 *
 * @module
 */

/** All verbs, each with the requests that it permits. No verb contains another one. */
export const verbs = {
  list: "names of secrets and folders, with labels and times",
  read: "values, history, diff, watch",
  write: "create, update, patch, delete, undelete",
  generate: "generate a new secret or a new version",
  destroy: "destroy versions, and keep fewer of them",
  handle: "hand a secret to a database or another system",
  project: "keep a copy of a secret in a cluster",
  admin: "identities, tokens, policy, audit, backup; no value",
} as const satisfies Readonly<Record<string, string>>;

/** A verb of the policy. */
export type Verb = keyof typeof verbs;

/** Every verb, in the order of {@linkcode verbs}. */
export const verbNames = Object.keys(verbs) as readonly Verb[];
