/**
 * A policy for tests of the API.
 *
 * @module
 */

/** Roles with one verb each on `db/prod`, and one with all but `admin`. */
export const testPolicy = `
roles:
  reader: {rules: [{path: db/prod, verbs: [read, list]}]}
  writer: {rules: [{path: db/prod, verbs: [write]}]}
  lister: {rules: [{path: db/prod/, verbs: [list]}]}
  watcher: {rules: [{path: db/, verbs: [read]}, {path: db/prod/, verbs: [list]}]}
  maker: {rules: [{path: db/prod, verbs: [generate]}]}
  admin: {rules: [{path: /, verbs: [admin]}]}
  all: {rules: [{path: db/prod, verbs: [list, read, write, generate, destroy]}]}
`;
