/**
 * Lays the files of a package out in a folder, in the forms that {@linkcode NfpmContent} names.
 *
 * @module
 */
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Program } from "../../lib/cli/command.ts";
import { shellScripts } from "../../lib/cli/completions.ts";
import type { Edition } from "./manual.ts";
import type { NfpmContent } from "./nfpm.ts";
import type { FileSource, PackageFile } from "./package_files.ts";

/** The sources of the files. */
export interface PackageSources {
  /** The root of the checkout. */
  readonly root: string;
  /** The program's file. */
  readonly binary: string;
  /** Manual pages by name. */
  readonly manuals: ReadonlyMap<string, string>;
  readonly program: Program;
  readonly edition: Edition;
}

/** The maintainer in a package. */
export const maintainer = "The authors of Trousseau <trousseau@localhost>";

/** A version as a package manager sorts it: a `~` comes before the release that the version leads to. */
export function debianVersion(version: string): string {
  return version.replace("-", "~");
}

/** Writes what has to be made to `folder`. @returns a row for each file. */
export async function layOut(
  folder: string,
  files: readonly PackageFile[],
  sources: PackageSources,
): Promise<readonly NfpmContent[]> {
  return await Promise.all(files.map(async ({ to, from, mode = 0o644, kind }, index) => {
    if ("link" in from) return { src: from.link, dst: to, type: "symlink" } as const;
    const made = await contentOf(from, sources);
    const src = typeof made === "string" ? made : join(folder, String(index));
    if (typeof made !== "string") await Deno.writeFile(src, made);
    const type = kind === "config" ? "config|noreplace" : kind;
    const row = { src, dst: to, file_info: { mode, owner: "root", group: "root" } } as const;
    return type === undefined ? row : { ...row, type };
  }));
}

/** The bytes of a file, or the path of a file that has them. */
async function contentOf(
  from: Exclude<FileSource, { link: string }>,
  { root, binary, manuals, program, edition }: PackageSources,
): Promise<Uint8Array | string> {
  const encoder = new TextEncoder();
  if ("binary" in from) return binary;
  if ("file" in from) return join(root, from.file);
  if ("unit" in from) {
    const text = await Deno.readTextFile(join(root, from.unit));
    return encoder.encode(text.replaceAll("/usr/local/bin/", "/usr/bin/"));
  }
  if ("manual" in from) return compressed(manuals.get(from.manual) ?? "");
  if ("completions" in from) return encoder.encode(shellScripts[from.completions](program));
  return from.debian === "copyright" ? encoder.encode(copyright) : compressed(changelog(program.name, edition));
}

/** As Debian wants it: the best that gzip does, and no time in it. */
function compressed(text: string): Uint8Array {
  return gzipSync(text, { level: 9 });
}

/** Debian's form asks for one entry, of this version. */
function changelog(name: string, { version, sourceDate }: Edition): string {
  const date = new Date(sourceDate * 1000).toUTCString().replace("GMT", "+0000");
  return `${name} (${debianVersion(version)}) unstable; urgency=medium\n\n` +
    `  * The changes of each release stand in its source.\n\n -- ${maintainer}  ${date}\n`;
}

const copyright = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: trousseau

Files: *
Copyright: 2021-2026 The authors of Trousseau
License: Apache-2.0
 On Debian systems the text of the licence is in /usr/share/common-licenses/Apache-2.0.
`;
