/**
 * The Debian packages of the images: version, place on a mirror, size and SHA-256 for each machine.
 *
 * @module
 */
import { join } from "node:path";
import * as z from "zod/mini";
import { type Architecture, architectures } from "../compile/targets.ts";

/** The table's file, relative to the root of the checkout. */
export const debianTableFile = "deploy/images/debian.json";

/** The release of Debian, and its number. It is the one of the `Dockerfile`'s base. */
export const debianRelease = { suite: "trixie", number: "13" } as const;

/**
 * The packages by layer.
 *
 * The binaries need the two libraries, `gcc-14-base` has the licence of the second one, `base-files` the links of the
 * merged `/usr` and the texts of licences, and `ca-certificates` the authorities.
 */
export const debianPackages = {
  base: ["base-files", "ca-certificates", "gcc-14-base", "libc6", "libgcc-s1"],
  debug: ["busybox-static"],
} as const;

/** A layer that is made of Debian packages. */
export type DebianLayer = keyof typeof debianPackages;

const file = z.strictObject({
  version: z.string().check(z.regex(/^[0-9][\w.+:~-]*$/)),
  /** The part of a mirror: security updates have one of their own. */
  archive: z.enum(["debian", "debian-security"]),
  path: z.string().check(z.regex(/^pool(\/[a-z0-9][\w.+~-]*)+\.deb$/)),
  size: z.int().check(z.gte(1), z.lte(64 * 1024 * 1024)),
  sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
});
const tableSchema = z.record(z.string(), z.strictObject({ amd64: file, arm64: file }));

/** One `.deb` of the table. */
export type DebianFile = z.infer<typeof file>;

/** The table: a row for each package. */
export type DebianTable = Readonly<Record<string, Readonly<Record<Architecture, DebianFile>>>>;

/** A `.deb` with the name of its package and the machine that it is for. */
export interface DebianPackage extends DebianFile {
  readonly name: string;
  readonly architecture: Architecture;
}

/** Reads the table. @throws {Error} if a package is missing, left over, or a row has another form. */
export async function readDebianTable(root: string): Promise<DebianTable> {
  const parsed = tableSchema.safeParse(JSON.parse(await Deno.readTextFile(join(root, debianTableFile))));
  if (!parsed.success) {
    throw new Error(`Cannot read ${debianTableFile}: ${z.prettifyError(parsed.error).split("\n").join(" ")}`);
  }
  const [listed, named] = [Object.keys(parsed.data).toSorted(), Object.values(debianPackages).flat().toSorted()];
  if (listed.join() !== named.join()) {
    throw new Error(`Cannot read ${debianTableFile}: it has ${listed.join(", ")}, and not ${named.join(", ")}.`);
  }
  return parsed.data;
}

/** Writes the table, sorted by name. */
export async function writeDebianTable(root: string, table: DebianTable): Promise<void> {
  const sorted = Object.fromEntries(Object.entries(table).toSorted(([one], [other]) => one < other ? -1 : 1));
  await Deno.writeTextFile(join(root, debianTableFile), `${JSON.stringify(sorted, null, 2)}\n`);
}

/** The packages of a layer for a machine. */
export function packagesOf(table: DebianTable, layer: DebianLayer, architecture: Architecture): DebianPackage[] {
  return debianPackages[layer].map((name) => {
    const row = table[name];
    if (row === undefined) throw new Error(`Cannot find ${name} in ${debianTableFile}.`);
    return { name, architecture, ...row[architecture] };
  });
}

/** All packages for all machines. */
export function allPackages(table: DebianTable): DebianPackage[] {
  return architectures.flatMap((architecture) =>
    (["base", "debug"] as const).flatMap((layer) => packagesOf(table, layer, architecture))
  );
}
