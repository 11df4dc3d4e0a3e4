/**
 * Validates a plain value against the schema. The valid parts of a config with problems are kept, so that later checks
 * can report on them in the same run.
 *
 * @module
 */
import type * as z from "zod/mini";
import type { Problems } from "./problems.ts";
import { type ProviderList, type ProviderListName, providerLists, type ProviderNames } from "./provider_lists.ts";
import { configSchema, type RawConfig, type RawProvider } from "./schema.ts";
import { maxProviders } from "./socket_fields.ts";

/** A config that matches the schema, or its valid parts. */
export interface Shaped extends Readonly<Record<ProviderListName, ProviderList<RawProvider>>> {
  readonly config: Omit<RawConfig, ProviderListName>;
}

/** Names of types in complaints, for fields without a complaint of their own. */
const typeNames: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  boolean: "true or false",
  array: "a list",
  object: "a mapping",
};

/**
 * Reports every mismatch with the schema.
 *
 * @returns the valid parts; `undefined` if there are none.
 */
export function checkShape(value: unknown, problems: Problems): Shaped | undefined {
  const root = value ?? {};
  const whole = configSchema.safeParse(root, { error: fallback });
  if (whole.success) return shaped(whole.data, root);
  const { issues } = whole.error;
  for (const issue of issues) report(issue, problems);
  const broken = new Set(issues.flatMap(brokenPart));
  const rest = configSchema.safeParse(withoutParts(root, broken, issues));
  return rest.success ? shaped(rest.data, root, broken) : undefined;
}

function fallback(issue: z.core.$ZodRawIssue): string {
  if (issue.input === undefined) return "is missing";
  if (issue.input === null) return "has no value";
  const expected = issue.code === "invalid_type" ? typeNames[issue.expected] : undefined;
  return expected === undefined ? "is not valid" : `must be ${expected}`;
}

function report(issue: z.core.$ZodIssue, problems: Problems): void {
  const path = issue.path.filter((segment) => typeof segment !== "symbol");
  if (issue.code !== "unrecognized_keys") return problems.at(path, issue.message);
  const complaints = issue.message.split("\n");
  issue.keys.forEach((key, index) => problems.atKey(path, key, complaints[index] ?? "unknown key"));
}

/**
 * The part that is unusable because of an issue: a top-level field, or one provider. Unknown keys make no part
 * unusable.
 */
function brokenPart({ code, path: [first, second] }: z.core.$ZodIssue): readonly string[] {
  if (first === undefined || code === "unrecognized_keys") return [];
  const list = providerLists.find((name) => name === first);
  return [list !== undefined && second !== undefined ? providerPart(list, Number(second)) : String(first)];
}

function providerPart(list: ProviderListName, index: number): string {
  return `${list} ${index}`;
}

/** Replaces an unusable provider, so that the others keep their indices. */
const standIn = { kind: "local", name: "local", keyFile: "local.keys" };

/** A copy of the value without its unusable parts. */
function withoutParts(root: unknown, broken: ReadonlySet<string>, issues: readonly z.core.$ZodIssue[]): unknown {
  const copy: unknown = structuredClone(root);
  for (const issue of issues) {
    if (issue.code === "unrecognized_keys") removeKeys(copy, issue.path, issue.keys);
  }
  if (!isRecord(copy)) return copy;
  for (const part of broken) delete copy[part];
  const kept = (list: ProviderListName): unknown[] => {
    const written = copy[list];
    if (!Array.isArray(written)) return [];
    return written.slice(0, maxProviders)
      .map((one: unknown, index) => broken.has(providerPart(list, index)) ? standIn : one);
  };
  const providers = kept("providers");
  return { ...copy, providers: providers.length === 0 ? [standIn] : providers, retired: kept("retired") };
}

function removeKeys(from: unknown, path: readonly PropertyKey[], keys: readonly string[]): void {
  let at = from;
  for (const segment of path) at = isObject(at) ? Reflect.get(at, segment) : undefined;
  if (isObject(at)) { for (const key of keys) Reflect.deleteProperty(at, key); }
}

function shaped(data: RawConfig, root: unknown, broken: ReadonlySet<string> = new Set()): Shaped {
  const { providers, retired, ...config } = data;
  const list = (name: ProviderListName, raws: readonly RawProvider[]): ProviderList<RawProvider> => {
    const written: unknown = isRecord(root) ? root[name] : undefined;
    const names = Array.isArray(written) ? written.map(namesOf) : [];
    const isSound = (index: number) =>
      index < names.length && !broken.has(name) && !broken.has(providerPart(name, index));
    return { names, sound: raws.map((raw, index) => ({ index, raw })).filter(({ index }) => isSound(index)) };
  };
  return { config, providers: list("providers", providers), retired: list("retired", retired) };
}

function namesOf(provider: unknown): ProviderNames {
  const { name, formerly }: Record<string, unknown> = isRecord(provider) ? provider : {};
  return { name: textOf(name), formerly: Array.isArray(formerly) ? formerly.map(textOf) : [] };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return isObject(value) && !Array.isArray(value);
}

/**
 * Reports every mismatch of a value with a schema of another file, with the same complaints.
 *
 * @returns `undefined` if there is any.
 */
export function checkAgainst<Value>(
  schema: z.ZodMiniType<Value>,
  value: unknown,
  problems: Problems,
): Value | undefined {
  const result = schema.safeParse(value ?? {}, { error: fallback });
  if (result.success) return result.data;
  for (const issue of result.error.issues) report(issue, problems);
  return undefined;
}
