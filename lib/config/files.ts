/**
 * What the loader asks of the file system: a seam, so that examples with other machines' paths can be checked too.
 *
 * @module
 */
import { readRegularFile } from "../durable_file.ts";

/** What stands at a path, symbolic links followed. `forbidden`: it may not be looked at. */
export type FileKind = "file" | "folder" | "other" | "absent" | "forbidden";

/** The file system and this process's rights in it. */
export interface Files {
  /** @throws as {@linkcode readRegularFile}, for what is no regular file or longer than `most` bytes too. */
  read(path: string, most: number): Promise<Uint8Array>;
  kind(path: string): Promise<FileKind>;
  /** What tells a file or folder from all others, symbolic links followed; `undefined` where there is none to be seen. */
  identity(path: string): Promise<string | undefined>;
  /** Whether the permissions that this process was started with let it write there; the system may still refuse. */
  mayWrite(path: string): Promise<boolean>;
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
      return absent ? "absent" : "forbidden";
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
  async mayWrite(path) {
    return (await Deno.permissions.query({ name: "write", path })).state === "granted";
  },
};
