/**
 * Files of a node below a root folder, so that a container can examine the node whose file system it has mounted. Files
 * are read and nothing is written.
 *
 * @module
 */
import { join } from "node:path";
import { utf8Text } from "../../base/bytes.ts";
import { readRegularFile } from "../../base/durable_file.ts";

/** Maximum size of a manifest, a configuration or a unit, in bytes. */
const largestHostFile = 1024 * 1024;

/** Owner, group and mode of a file. */
export interface HostStat {
  readonly kind: "file" | "folder" | "socket" | "other";
  /** The lower 12 bits of the mode. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** The files of a node; paths are absolute and as the node itself has them. */
export interface HostFiles {
  /** The path at which this process finds a path of the node. */
  place(path: string): string;
  /** The text of a regular file of at most 1 MiB; `undefined` if it is missing, unreadable or no UTF-8 text. */
  text(path: string): Promise<string | undefined>;
  /** The names in a folder, sorted; empty if it is missing or unreadable. */
  names(folder: string): Promise<readonly string[]>;
  /** Symbolic links are followed. `absent`: there is no such file; `forbidden`: it cannot be examined. */
  stat(path: string): Promise<HostStat | "absent" | "forbidden">;
}

/** @param root where the node's file system is mounted; `/` for the node itself. */
export function hostFiles(root: string): HostFiles {
  const place = (path: string) => join(root, path);
  return {
    place,
    text: (path) => readRegularFile(place(path), largestHostFile).then(utf8Text, () => undefined),
    async names(folder) {
      try {
        const entries = await Array.fromAsync(Deno.readDir(place(folder)));
        return entries.map(({ name }) => name).sort();
      } catch {
        return [];
      }
    },
    async stat(path) {
      try {
        return statOf(await Deno.stat(place(path)));
      } catch (thrown) {
        const isAbsent = thrown instanceof Deno.errors.NotFound || thrown instanceof Deno.errors.NotADirectory;
        return isAbsent ? "absent" : "forbidden";
      }
    },
  };
}

function statOf({ isFile, isDirectory, isSocket, mode, uid, gid }: Deno.FileInfo): HostStat {
  const kind = isFile ? "file" : isDirectory ? "folder" : isSocket ? "socket" : "other";
  return { kind, mode: (mode ?? 0) & 0o7777, uid: uid ?? 0, gid: gid ?? 0 };
}
