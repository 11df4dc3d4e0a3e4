/**
 * What the loader asks of the file system: a seam, so that examples with other machines' paths can be checked too.
 *
 * @module
 */
import { dirname } from "node:path";
import { type Exposure, exposureOf } from "../base/credential_file.ts";
import { readRegularFile } from "../base/durable_file.ts";
import { isRefusal } from "../base/system_failures.ts";

/**
 * The type of file at a path, symbolic links followed. `forbidden`: it may not be looked at. `failing`: the file system
 * failed for another reason, such as a disk's error.
 */
export type FileKind = "file" | "folder" | "other" | "absent" | "forbidden" | "failing";

/** The file system and this process's rights in it. */
export interface Files {
  /** @throws as {@linkcode readRegularFile}, for what is no regular file or longer than `most` bytes too. */
  read(path: string, most: number): Promise<Uint8Array>;
  kind(path: string): Promise<FileKind>;
  /** What tells a file or folder from all others, symbolic links followed; `undefined` where there is none to be seen. */
  identity(path: string): Promise<string | undefined>;
  /** To whom a file is open; `undefined` where it cannot be looked at. */
  exposure(path: string): Promise<Exposure | undefined>;
  /** Whether the permissions that this process was started with let it write there; the system may still refuse. */
  mayWrite(path: string): Promise<boolean>;
  /** Whether a folder is there or can be made, and files can be made in it. It is tried, and nothing is left behind. */
  canWrite(folder: string): Promise<boolean>;
}

/** The files of this machine. */
export const realFiles: Files = {
  read: readRegularFile,
  async kind(path) {
    try {
      const { isFile, isDirectory } = await Deno.stat(path);
      return isFile ? "file" : isDirectory ? "folder" : "other";
    } catch (thrown) {
      const absent = thrown instanceof Deno.errors.NotFound || thrown instanceof Deno.errors.NotADirectory;
      if (absent) return "absent";
      return isRefusal(thrown) || thrown instanceof Deno.errors.NotCapable ? "forbidden" : "failing";
    }
  },
  async identity(path) {
    try {
      const { dev, ino } = await Deno.stat(path);
      return ino === null ? undefined : `${dev}:${ino}`;
    } catch {
      return undefined;
    }
  },
  exposure: exposureOf,
  async mayWrite(path) {
    return (await Deno.permissions.query({ name: "write", path })).state === "granted";
  },
  async canWrite(folder) {
    try {
      await tryToWrite(folder);
      return true;
    } catch {
      return false;
    }
  },
};

// Modes and owners alone do not tell: this process may not ask who it is, and a file system may be mounted read-only.
async function tryToWrite(folder: string): Promise<void> {
  const kind = await realFiles.kind(folder);
  if (kind === "folder") return await Deno.remove(await Deno.makeTempFile({ dir: folder, prefix: ".trousseau-" }));
  const parent = dirname(folder);
  if (kind === "absent" && parent !== folder && await realFiles.kind(parent) === "absent") {
    return await tryToWrite(parent);
  }
  await Deno.mkdir(folder, { mode: 0o700 });
  await Deno.remove(folder);
}
