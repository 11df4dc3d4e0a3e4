/**
 * The findings about the entries of an EncryptionConfiguration: resources, order of providers, timeouts.
 *
 * @module
 */
import type { EncryptionEntry, EncryptionProvider, KmsEntry } from "../../../config/encryption/entries.ts";
import { builtInResources, resourceDoubt } from "../../../config/encryption/resources.ts";
import { covers, sameResource } from "../../../config/encryption/rules.ts";
import { type DoctorFinding, found } from "./finding.ts";

/** Milliseconds. The plugin answers within 3 s; kube-apiserver's own requests have a minute. */
const timeouts = { short: 3_000, long: 20_000 } as const;

/** Milliseconds of the units of Go's durations. */
const goUnits: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  "µs": 1e-3,
  "μs": 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** @param ours the names of the providers at the plugin's socket. */
export function entryFindings(
  file: string,
  entries: readonly EncryptionEntry[],
  ours: readonly string[],
): readonly DoctorFinding[] {
  const names = entries.flatMap(({ resources }) => resources);
  const ofSecrets = entries.find(({ resources }) => resources.some(isSecrets));
  return [
    ...kmsEntries(entries).flatMap((one) => timeoutFindings(file, one)),
    ...(ours.length === 0
      ? []
      : entries.flatMap((entry) =>
        isExemption(entry, ofSecrets) ? exemption(file, entry) : orderFindings(file, entry, ours)
      )),
    ...(names.some(isSecrets) ? [] : [found("secrets-missing", { file })]),
    ...repeated(entries).map((resource) => found("resource-twice", { file, resource })),
    ...[...new Set(names)].flatMap((resource) => unknownResource(file, resource)),
  ];
}

/** Each `kms` provider once by its name. */
function kmsEntries(entries: readonly EncryptionEntry[]): readonly KmsEntry[] {
  const all = entries.flatMap(({ providers }) => providers).filter((one) => one.kind === "kms");
  return [...new Map(all.map((one) => [one.name, one])).values()];
}

function timeoutFindings(file: string, { name, timeout }: KmsEntry): readonly DoctorFinding[] {
  if (timeout === undefined) return [];
  const ms = goMilliseconds(timeout);
  if (ms < timeouts.short) return [found("timeout-short", { file, name, timeout })];
  return ms > timeouts.long ? [found("timeout-long", { file, name, timeout })] : [];
}

/** Milliseconds of a duration that the reader of the file has accepted. */
function goMilliseconds(text: string): number {
  const parts = [...text.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)];
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (goUnits[unit ?? ""] ?? 0), 0);
}

/**
 * Whether an entry leaves resources other than secrets unencrypted on purpose: identity is its only provider.
 *
 * @param ofSecrets the entry that writes secrets: the first one that names or covers them.
 */
function isExemption(entry: EncryptionEntry, ofSecrets: EncryptionEntry | undefined): boolean {
  const namesSecrets = entry.resources.some((name) => sameResource(name, "secrets"));
  return entry !== ofSecrets && !namesSecrets && entry.providers.every(({ kind }) => kind === "identity");
}

function exemption(file: string, { resources }: EncryptionEntry): readonly DoctorFinding[] {
  return [found("plain-exempt", { file, resources: resources.join(", ") })];
}

function orderFindings(
  file: string,
  { resources: names, providers }: EncryptionEntry,
  ours: readonly string[],
): readonly DoctorFinding[] {
  const [first, ...rest] = providers;
  if (first === undefined) return [];
  const resources = names.join(", ");
  if (first.kind === "identity") return [found("plain-written", { file, resources })];
  if (!isOurs(first, ours)) return [found("other-written", { file, resources, kind: kindText(first) })];
  const others = rest.filter((one) => one.kind !== "identity" && !isOurs(one, ours)).map(kindText);
  return [
    ...(rest.some(({ kind }) => kind === "identity") ? [found("identity-left", { file, resources })] : []),
    ...(others.length === 0 ? [] : [found("others-left", { file, resources, kinds: others.join(", ") })]),
  ];
}

function isOurs(one: EncryptionProvider, ours: readonly string[]): boolean {
  return one.kind === "kms" && ours.includes(one.name);
}

function kindText(one: EncryptionProvider): string {
  return one.kind === "kms" ? `kms "${one.name}"` : one.kind;
}

function isSecrets(name: string): boolean {
  return sameResource(name, "secrets") || covers(name, "secrets");
}

/** The names that several entries have. Within one entry the reader of the file refuses them. */
function repeated(entries: readonly EncryptionEntry[]): readonly string[] {
  const names = entries.flatMap(({ resources }) => [...new Set(resources)]);
  return [...new Set(names.filter((name, index) => names.slice(0, index).some((one) => sameResource(one, name))))];
}

function unknownResource(file: string, resource: string): readonly DoctorFinding[] {
  const doubt = resourceDoubt(resource, builtInResources(), false);
  if (doubt?.kind !== "nothing") return [];
  const likely = doubt.likely === undefined ? "" : ` ("${doubt.likely}" is probably meant)`;
  return [found("resource-unknown", { file, resource, likely })];
}
