/**
 * The file system as the loader uses it. Tests replace it, so that examples with paths of other machines can be
 * checked.
 *
 * @module
 */
import { dirname } from "node:path";
import type { Exposure } from "../base/credential_file.ts";

/**
 * The type of file at a path; symbolic links are followed. `forbidden`: access is denied. `failing`: the file system
 * failed for another reason, for instance a disk error.
 */
export type FileKind = "file" | "folder" | "other" | "absent" | "forbidden" | "failing";

/** The file system with this process's permissions. */
export interface Files {
  /**
   * @param most maximum size in bytes.
   * @throws as `readRegularFile` of `lib/base/durable_file.ts`, also for anything but a regular file and for one of more
   *   than `most` bytes.
   */
  read(path: string, most: number): Promise<Uint8Array>;
  kind(path: string): Promise<FileKind>;
  /**
   * Device and inode, which identify a file or folder; symbolic links are followed. `undefined` if it is missing or
   * inaccessible.
   */
  identity(path: string): Promise<string | undefined>;
  /** The permissions of a file and its folders; `undefined` if they are inaccessible. */
  exposure(path: string): Promise<Exposure | undefined>;
  /** Whether Deno's permissions allow writing to the path; the system can still refuse it. */
  mayWrite(path: string): Promise<boolean>;
  /**
   * Whether a file can be created in the folder, which is created first if missing. It is tried, and nothing is left
   * behind.
   */
  canWrite(folder: string): Promise<boolean>;
}

/** The files of this machine. A command that reads none loads neither `node:fs` nor `node:crypto`. */
export const realFiles: Files = {
  async read(path, most) {
    return await (await import("../base/durable_file.ts")).readRegularFile(path, most);
  },
  async kind(path) {
    try {
      const { isFile, isDirectory } = await Deno.stat(path);
      return isFile ? "file" : isDirectory ? "folder" : "other";
    } catch (thrown) {
      const absent = thrown instanceof Deno.errors.NotFound || thrown instanceof Deno.errors.NotADirectory;
      if (absent) return "absent";
      const { isRefusal } = await import("../base/system_failures.ts");
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
  async exposure(path) {
    return await (await import("../base/credential_file.ts")).exposureOf(path);
  },
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

// Modes and owners are not sufficient: this process has no permission to read its user ID, and a file system can be
// mounted read-only.
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
