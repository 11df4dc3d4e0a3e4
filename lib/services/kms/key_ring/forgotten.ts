/**
 * The entries of `forgotten` that give up one version: `PROVIDER@VERSION`.
 *
 * The name of a provider is a DNS label and holds no `@`. The first `@` therefore separates the two parts, even if the
 * version holds another one.
 *
 * @module
 */
import type { SealedVersion } from "./sentinel.ts";

/** An entry of `forgotten` that matches no version. */
export interface IdleEntry {
  readonly entry: string;
  /** `ambiguous`: the versions that it matches. `unknown`: all known versions of the provider. */
  readonly candidates: readonly string[];
  readonly reason: "ambiguous" | "unknown";
}

/** The result of {@linkcode forgottenVersions}. */
export interface ForgottenVersions {
  /** Whether an entry gives up this version. */
  readonly forgets: (version: SealedVersion) => boolean;
  /** The entries that match no version, or several. */
  readonly idle: readonly IdleEntry[];
}

/**
 * Matches entries of `forgotten` with versions.
 *
 * An entry matches the version that is equal to its text. Otherwise it matches the version of which its text is a short
 * form: the part before the first `@` (Vault's number in `3@2026-01-31T12:00:00Z`) or after the last `/` (Google's number
 * in a resource name). A short form of several versions matches none of them: the numbers of a key that was deleted and
 * created again start from 1 again.
 *
 * @param entries of `forgotten`. Those that are names of providers are ignored.
 * @param known the versions that the node has sealed with.
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

/** The shortest entry of `forgotten` that matches this version and no other known version of the provider. */
export function entryFor({ provider, version }: SealedVersion, known: readonly SealedVersion[]): string {
  const others = known.filter((one) => one.provider === provider && one.version !== version);
  const taken = others.flatMap((one) => [one.version, ...shortForms(one.version)]);
  const [short] = shortForms(version).filter((form) => !taken.includes(form));
  return `${provider}@${short ?? version}`;
}

/** The forms in which the tools of a vendor show the version: a number, or an ID after the name of the key. */
function shortForms(version: string): readonly string[] {
  const [before = ""] = version.split("@", 1);
  const behind = version.slice(version.lastIndexOf("/") + 1);
  return [before, behind].filter((form) => form !== "" && form !== version);
}

function keyOf(provider: string, version: string): string {
  return `${provider}@${version}`;
}
