/**
 * The packages of the programs, from the locks of Deno and the table of licences.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { join } from "node:path";

/** The table of licences, relative to the root of the checkout. */
export const licenceTable = "deploy/release/licences.json";

/** The locks of the programs that are released. */
export const programLocks = ["deno.keyring.lock", "deno.clectl.lock"] as const;

/** Licences that a program under Apache-2.0 may contain, by their SPDX identifiers. */
export const acceptedLicences = ["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"] as const;

/** A package of a lock. */
export interface LockedPackage {
  readonly name: string;
  readonly version: string;
  /** SHA-512 of its archive, in lowercase hex. */
  readonly sha512: string;
}

/** All packages of the locks of the programs, sorted. @throws {Error} if a lock has another form. */
export async function lockedPackages(root: string): Promise<readonly LockedPackage[]> {
  const found = new Map<string, LockedPackage>();
  for (const file of programLocks) {
    for (const one of parseLock(await Deno.readTextFile(join(root, file)), file)) found.set(packageId(one), one);
  }
  return [...found].toSorted(([one], [other]) => one < other ? -1 : 1).map(([, value]) => value);
}

/** `name@version`. */
export function packageId({ name, version }: Pick<LockedPackage, "name" | "version">): string {
  return `${name}@${version}`;
}

function parseLock(text: string, file: string): LockedPackage[] {
  const lock: { version?: string; npm?: Record<string, { integrity?: string }>; jsr?: unknown; remote?: unknown } = JSON
    .parse(text);
  if (lock.version !== "5" || lock.jsr !== undefined || lock.remote !== undefined) {
    throw new Error(`Cannot read ${file}: it is not a lock of version 5 with packages of npm alone.`);
  }
  return Object.entries(lock.npm ?? {}).map(([key, { integrity = "" }]) => {
    // A peer dependency is a suffix of the version: `name@1.0.0_peer@2.0.0`.
    const [, name, version] = /^(@?[^@]+)@([^_]+)(?:_.*)?$/.exec(key) ?? [];
    const [, sum] = /^sha512-([A-Za-z0-9+/]{86}==)$/.exec(integrity) ?? [];
    if (name === undefined || version === undefined || sum === undefined) {
      throw new Error(`Cannot read ${file}: its row ${key} has no version or no SHA-512.`);
    }
    return { name, version, sha512: Buffer.from(sum, "base64").toString("hex") };
  });
}

/** The SPDX expression of each package as `name@version`. */
export async function readLicences(root: string): Promise<Readonly<Record<string, string>>> {
  return JSON.parse(await Deno.readTextFile(join(root, licenceTable)));
}

/** Complaints about a table of licences: packages that it lacks, and licences that are not accepted. */
export function licenceProblems(
  packages: readonly LockedPackage[],
  licences: Readonly<Record<string, string>>,
): readonly string[] {
  const ids = packages.map(packageId);
  const accepted: readonly string[] = acceptedLicences;
  return [
    ...ids.filter((id) => licences[id] === undefined).map((id) => `${id} has no licence in ${licenceTable}.`),
    ...Object.keys(licences).filter((id) => !ids.includes(id)).map((id) =>
      `${licenceTable} has ${id}, which no lock has.`
    ),
    ...ids.flatMap((id) => {
      const licence = licences[id];
      return licence === undefined || accepted.includes(licence)
        ? []
        : [`${id} has the licence ${licence}, which is not accepted.`];
    }),
  ];
}
