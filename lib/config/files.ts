/**
 * What the loader asks of the file system: a seam, so that examples with other machines' paths can be checked too.
 *
 * @module
 */

/** What stands at a path, symbolic links followed. `forbidden`: it may not be looked at. */
export type FileKind = "file" | "folder" | "other" | "absent" | "forbidden";

/** The file system and this process's rights in it. */
export interface Files {
  /** @throws whatever the system says. */
  read(path: string): Promise<Uint8Array>;
  kind(path: string): Promise<FileKind>;
  /** Whether the permissions that this process was started with let it write there; the system may still refuse. */
  mayWrite(path: string): Promise<boolean>;
}

/** The files of this machine. */
export const realFiles: Files = {
  read: (path) => Deno.readFile(path),
  async kind(path) {
    try {
      const { isFile, isDirectory } = await Deno.stat(path);
      return isFile ? "file" : isDirectory ? "folder" : "other";
    } catch (thrown) {
      const absent = thrown instanceof Deno.errors.NotFound || thrown instanceof Deno.errors.NotADirectory;
      return absent ? "absent" : "forbidden";
    }
  },
  async mayWrite(path) {
    return (await Deno.permissions.query({ name: "write", path })).state === "granted";
  },
};
