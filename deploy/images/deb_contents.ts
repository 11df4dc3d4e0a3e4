/**
 * Reads a `.deb` with Debian's own `dpkg-deb`.
 *
 * @module
 */
import { unpackTar } from "modern-tar";
import { compileEnvironment } from "../compile/environment.ts";
import type { LayerEntry } from "./layer.ts";

/** The content of a package. */
export interface DebContents {
  /** Its fields, as dpkg writes them. */
  readonly control: Uint8Array;
  /** Its files and links, by their paths without a slash at the beginning; folders are left out. */
  readonly entries: readonly LayerEntry[];
}

/**
 * Reads a package.
 *
 * @param path a verified file: `dpkg-deb` unpacks it.
 * @throws {Error} without `dpkg-deb`, for a broken package, and for an entry that is neither file, link nor folder.
 */
export async function readDeb(path: string): Promise<DebContents> {
  const control = await dpkgDeb("--field", path);
  const found = await unpackTar(await dpkgDeb("--fsys-tarfile", path), { strict: true });
  const entries = found.flatMap(({ header, data }): LayerEntry[] => {
    const name = header.name.replace(/^(\.\/)+/, "").replace(/\/$/, "");
    const { type = "file", mode = 0o644, linkname = "" } = header;
    if (type === "directory") return [];
    if (type === "symlink") return [{ name, type, linkname }];
    if (type === "file" && data !== undefined) return [{ name, type, mode: mode & 0o7777, body: data }];
    throw new Error(`Cannot read ${path}: ${name} is a ${type}.`);
  });
  return { control, entries };
}

async function dpkgDeb(action: string, path: string): Promise<Uint8Array<ArrayBuffer>> {
  const command = new Deno.Command("dpkg-deb", { args: [action, path], clearEnv: true, env: compileEnvironment() });
  const { success, stdout, stderr } = await command.output().catch((thrown: unknown) => {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    throw new Error("Cannot make the images: dpkg-deb is missing. Install the package dpkg.");
  });
  if (success) return stdout;
  throw new Error(`Cannot read ${path}: ${new TextDecoder().decode(stderr).trim()}`);
}
