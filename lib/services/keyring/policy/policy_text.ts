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

/** Maximum number of problems in one error. */
const maxProblems = 20;

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
  // The schema passes over a key of this name in silence, and a claim that is passed over makes a role wider.
  const unsafe = unsafeKeys(yaml.value, []);
  if (unsafe.length > 0) throw refused(unsafe.map((path) => placed(path, "is no name here", yaml)));
  const parsed = policySchema.safeParse(yaml.value);
  if (!parsed.success) throw refused(parsed.error.issues.flatMap((issue) => problemsOf(issue, yaml)));
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

/** The paths of all keys `__proto__`. */
function unsafeKeys(value: unknown, path: FieldPath): readonly FieldPath[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => {
    const at = [...path, Array.isArray(value) ? Number(key) : key];
    return key === "__proto__" ? [at] : unsafeKeys(child, at);
  });
}

function problemsOf(issue: z.core.$ZodIssue, yaml: YamlFile): readonly PlacedProblem[] {
  const path = issue.path.filter((segment) => typeof segment !== "symbol");
  if (issue.code === "unrecognized_keys") {
    const texts = issue.message.split("\n");
    return issue.keys.map((key, index) => placed([...path, key], texts[index] ?? "unknown key", yaml));
  }
  const inner = issue.code === "invalid_key" ? issue.issues[0]?.message : undefined;
  return [placed(path, inner ?? issue.message, yaml)];
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

function refused(problems: readonly PlacedProblem[]): KeyringError {
  const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  const lines = [...new Set(sorted.map(({ line, column, text }) => `${line}:${column}: ${text}`))];
  const left = lines.length - maxProblems;
  const shown = [...lines.slice(0, maxProblems), ...(left > 0 ? [`and ${left} more`] : [])];
  return new KeyringError("request_invalid", ["The policy is refused:", ...shown].join("\n"));
}
