/**
 * Parses the text of a policy, YAML or JSON. All of its problems are reported at once, each with its place.
 *
 * @module
 */
import type * as z from "zod/mini";
import { type PolicyDocument, policyLimits, policySchema } from "../../../api/keyring/policy.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { utf8 } from "../../../base/bytes.ts";
import { parseDuration } from "../../../base/duration.ts";
import { type FieldPath, readYaml, type YamlFile } from "../../../base/yaml_positions.ts";
import { defaultTokenTtlMs, type Policy, type Role, type RoleTake } from "./policy.ts";

/** Maximum number of problems in one error, and of those whose places are looked up: each look-up reads the whole text. */
const maxProblems = 20;
const maxPlaced = 40;

interface PlacedProblem {
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

/**
 * @param version of the parsed policy; see {@linkcode Policy.version}.
 * @throws {KeyringError} `request_invalid`: a sentence, then a line `LINE:COLUMN: FIELD: PROBLEM` for each problem.
 */
export function parsePolicy(text: string, version: number): Policy {
  if (utf8(text).length > policyLimits.textBytes) {
    throw new KeyringError("too_large", `The policy is refused: it is longer than ${policyLimits.textBytes} bytes.`);
  }
  const yaml = readYaml(text);
  if (yaml.value === undefined || yaml.problems.length > 0) {
    throw refused(yaml.problems.map(({ position, text }) => ({ ...position, text })));
  }
  // Complaints are made for each member: their number is bounded before.
  if (countMembers(yaml.value, policyLimits.members) > policyLimits.members) {
    const most = policyLimits.members;
    throw new KeyringError("too_large", `The policy is refused: it has more than ${most} keys and list elements.`);
  }
  // The schema passes over a key of this name in silence, and a claim that is passed over makes a role wider.
  const unsafe = unsafeKeys(yaml.value, []);
  if (unsafe.length > 0) throw refused(unsafe.slice(0, maxPlaced).map((path) => placed(path, "is no name here", yaml)));
  const parsed = policySchema.safeParse(yaml.value);
  if (!parsed.success) throw refusedIssues(parsed.error.issues, yaml);
  return compiled(parsed.data, version);
}

function compiled(document: PolicyDocument, version: number): Policy {
  const roles = Object.entries(document.roles).map(([name, raw]): [string, Role] => [name, {
    take: (raw.take ?? []).map(takeOf),
    rules: raw.rules.map(({ path, verbs }) => ({ path, verbs: new Set(verbs) })),
    tokenTtlMs: raw.tokenTtl === undefined ? defaultTokenTtlMs : parseDuration(raw.tokenTtl) ?? defaultTokenTtlMs,
  }]);
  return { version, roles: new Map(roles) };
}

type RawTake = NonNullable<PolicyDocument["roles"][string]["take"]>[number];

function takeOf({ person, socket, issuer, cluster, subject, claims }: RawTake): RoleTake {
  if (person !== undefined) return { kind: "person", name: person };
  if (socket !== undefined) return { kind: "socket", name: socket };
  return {
    ...(issuer === undefined ? { kind: "cluster", name: cluster ?? "" } : { kind: "issuer", name: issuer }),
    ...(subject === undefined ? {} : { subject }),
    claims: new Map(Object.entries(claims ?? {})),
  };
}

/** The number of keys and list elements below a value, counted up to one more than `most`. */
function countMembers(value: unknown, most: number): number {
  let count = 0;
  const left: unknown[] = [value];
  while (left.length > 0 && count <= most) {
    const next = left.pop();
    if (typeof next !== "object" || next === null) continue;
    const members = Object.values(next);
    count += members.length;
    if (count <= most) left.push(...members);
  }
  return count;
}

/** The paths of all keys `__proto__`. */
function unsafeKeys(value: unknown, path: FieldPath): readonly FieldPath[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => {
    const at = [...path, Array.isArray(value) ? Number(key) : key];
    return key === "__proto__" ? [at] : unsafeKeys(child, at);
  });
}

/** The refusal for the issues of the schema, of which the first ones are placed and the others counted. */
function refusedIssues(issues: readonly z.core.$ZodIssue[], yaml: YamlFile): KeyringError {
  const all = issues.flatMap(complaintsOf);
  const first = all.slice(0, maxPlaced).map(({ path, text }) => placed(path, text, yaml));
  return refused(first, all.length - first.length);
}

function complaintsOf(issue: z.core.$ZodIssue): readonly { readonly path: FieldPath; readonly text: string }[] {
  const path = issue.path.filter((segment) => typeof segment !== "symbol");
  if (issue.code === "unrecognized_keys") {
    const texts = issue.message.split("\n");
    return issue.keys.map((key, index) => ({ path: [...path, key], text: texts[index] ?? "unknown key" }));
  }
  const inner = issue.code === "invalid_key" ? issue.issues[0]?.message : undefined;
  return [{ path, text: inner ?? issue.message }];
}

function placed(path: FieldPath, text: string, yaml: YamlFile): PlacedProblem {
  const keys = path.map((segment) => typeof segment === "number" ? `[${segment}]` : `.${shownKey(segment)}`);
  const field = keys.join("").replace(/^\./, "");
  return { ...yaml.position(path), text: field === "" ? text : `${field}: ${text}` };
}

/** A key as it is shown; any other text may be longer than a line, or hold control characters. */
function shownKey(key: string): string {
  return /^[\w.@-]{1,64}$/.test(key) ? key : "(key)";
}

/** @param uncounted number of problems that are not in the list. */
function refused(problems: readonly PlacedProblem[], uncounted = 0): KeyringError {
  const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  const lines = [...new Set(sorted.map(({ line, column, text }) => `${line}:${column}: ${text}`))];
  const left = uncounted + lines.length - maxProblems;
  const shown = [...lines.slice(0, maxProblems), ...(left > 0 ? [`and ${left} more`] : [])];
  return new KeyringError("request_invalid", ["The policy is refused:", ...shown].join("\n"));
}
