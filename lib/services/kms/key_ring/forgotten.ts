/**
 * What `forgotten` says of versions: `PROVIDER@VERSION`. A provider's name is a DNS label, so that the first `@` divides
 * the two whatever the version holds.
 *
 * @module
 */
import type { SealedVersion } from "./sentinel.ts";

/** An entry of `forgotten` that accepts no version, and why. */
export interface IdleEntry {
  readonly entry: string;
  /** The versions that it may mean: several, or all that are known of the provider. */
  readonly candidates: readonly string[];
  readonly reason: "ambiguous" | "unknown";
}

/** What a list of entries says about the versions that a node knows. */
export interface ForgottenVersions {
  readonly forgets: (version: SealedVersion) => boolean;
  readonly idle: readonly IdleEntry[];
}

/**
 * Matches entries with versions. An entry means the version that it spells out; else the only one of which it is the part
 * before the first `@`, as Vault's number is in `3@2026-01-31T12:00:00Z`, or behind the last `/`, as Google's number is in
 * a resource name. Where several fit, it means none: a key that was deleted and made again counts from 1 again.
 *
 * @param entries of `forgotten`; those that are names of providers say nothing here.
 */
export function forgottenVersions(
  entries: readonly string[],
  known: readonly SealedVersion[],
): ForgottenVersions {
  const forgotten = new Set<string>();
  const idle: IdleEntry[] = [];
  for (const entry of entries) {
    const at = entry.indexOf("@");
    if (at < 0) continue;
    const [provider, written] = [entry.slice(0, at), entry.slice(at + 1)];
    const versions = [...new Set(known.filter((one) => one.provider === provider).map(({ version }) => version))];
    const short = versions.filter((version) => shortForms(version).includes(written));
    const [only] = versions.includes(written) ? [written] : short;
    if (only !== undefined && (only === written || short.length === 1)) forgotten.add(keyOf(provider, only));
    else if (short.length > 0) idle.push({ entry, candidates: short, reason: "ambiguous" });
    else idle.push({ entry, candidates: versions, reason: "unknown" });
  }
  return { forgets: ({ provider, version }) => forgotten.has(keyOf(provider, version)), idle };
}

/** The shortest text that means this version and no other one of the provider: what a sentence tells to write. */
export function entryFor({ provider, version }: SealedVersion, known: readonly SealedVersion[]): string {
  const others = known.filter((one) => one.provider === provider && one.version !== version);
  const taken = others.flatMap((one) => [one.version, ...shortForms(one.version)]);
  const [short] = shortForms(version).filter((form) => !taken.includes(form));
  return `${provider}@${short ?? version}`;
}

/** Only what the vendor's own tools show as a version: a number, or an ID behind the name of its key. */
function shortForms(version: string): readonly string[] {
  const [before = ""] = version.split("@", 1);
  const behind = version.slice(version.lastIndexOf("/") + 1);
  return [before, behind].filter((form) => form !== "" && form !== version);
}

function keyOf(provider: string, version: string): string {
  return `${provider}@${version}`;
}
