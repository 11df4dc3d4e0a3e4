/**
 * The criteria of the suite by name. The support matrix has a row or column for each.
 *
 * @module
 */
import type { FaultName } from "./bench.ts";

interface CriterionOptions {
  /** Whether each login method is tested for it, and not only that of the whole suite. */
  readonly login: boolean;
}

/** The criteria for single calls, for the life of a key, and for a KMS that fails. */
export const criteria = {
  "round trip of data keys of 1 to 64 bytes, within the limits": { login: true },
  "the version promised is the version used": { login: true },
  "two wraps of one data key differ": { login: false },
  "calls at once each get their own answer, a bad one among them too": { login: true },
  "every flipped byte is integrity": { login: false },
  "every truncation and every appended byte is integrity": { login: false },
  "a foreign version is integrity or key_unknown, and is not repeated": { login: false },
  "a call that was cancelled or is late already is not made": { login: true },
  "dispose leaves nothing, and what is disposed makes no call": { login: true },
  "rotation gives another version of a higher order, which wraps from then on": { login: false },
  "a wrap at the state before a rotation tells its true version": { login: false },
  "a wrap does not open under the version of another": { login: false },
  "a disabled key is key_unusable": { login: false },
  "a deleted key is key_unknown, and nobody makes it again by wrapping": { login: false },
  "a key deleted and made again is another version, and old wraps stay shut": { login: false },
  "refused login": { login: true },
  "withdrawn right": { login: false },
  "throttling": { login: false },
  "5xx": { login: false },
  "hang": { login: false },
  "half an answer": { login: false },
  "garbage answer": { login: false },
  "a call cancelled under way is cancelled": { login: false },
} as const satisfies Record<string, CriterionOptions> & Record<FaultName, CriterionOptions>;

/** The name of a criterion. */
export type Criterion = keyof typeof criteria;

/** The part of the suite for a bench: all criteria, or those that depend on the login method. */
export type Part = "whole" | "login";

/** The criteria of a part, in the order of the table. */
export function criteriaOf(part: Part): readonly Criterion[] {
  const all = Object.keys(criteria) as Criterion[];
  return part === "whole" ? all : all.filter((criterion) => criteria[criterion].login);
}
