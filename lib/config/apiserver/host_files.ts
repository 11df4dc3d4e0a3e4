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

/** Links that are followed in one path, as in Linux. */
const maxLinks = 40;

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
  /**
   * The path of the node without symbolic links, with those below the root followed as the node follows them. Missing parts
   * stay; `/var/run` is `/run` also if it is missing. The path itself if it has too many links.
   */
  real(path: string): Promise<string>;
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
  const real = (path: string) => withoutLinks(path, place);
  // The kernel follows an absolute link from its own root.
  const followed = async (path: string) => place(root === "/" ? path : await real(path));
  return {
    place,
    real,
    text: async (path) => await readRegularFile(await followed(path), largestHostFile).then(utf8Text, () => undefined),
    async names(folder) {
      try {
        const entries = await Array.fromAsync(Deno.readDir(await followed(folder)));
        return entries.map(({ name }) => name).sort();
      } catch {
        return [];
      }
    },
    async stat(path) {
      try {
        return statOf(await Deno.stat(await followed(path)));
      } catch (thrown) {
        const isAbsent = thrown instanceof Deno.errors.NotFound || thrown instanceof Deno.errors.NotADirectory;
        return isAbsent ? "absent" : "forbidden";
      }
    },
  };
}

async function withoutLinks(path: string, place: (path: string) => string): Promise<string> {
  const rest = partsOf(path);
  let done = "";
  let links = 0;
  for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
    const next = part === ".." ? done.slice(0, Math.max(0, done.lastIndexOf("/"))) : `${done}/${part}`;
    const target = part === ".." ? undefined : await linkAt(next, place);
    if (target === undefined) {
      done = next;
      continue;
    }
    if (++links > maxLinks) return path;
    if (target.startsWith("/")) done = "";
    rest.unshift(...partsOf(target));
  }
  return done === "" ? "/" : done;
}

function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

/** The target of a symbolic link; `undefined` for anything else. */
async function linkAt(path: string, place: (path: string) => string): Promise<string | undefined> {
  try {
    return await Deno.readLink(place(path));
  } catch (thrown) {
    return path === "/var/run" && thrown instanceof Deno.errors.NotFound ? "/run" : undefined;
  }
}

function statOf({ isFile, isDirectory, isSocket, mode, uid, gid }: Deno.FileInfo): HostStat {
  const kind = isFile ? "file" : isDirectory ? "folder" : isSocket ? "socket" : "other";
  return { kind, mode: (mode ?? 0) & 0o7777, uid: uid ?? 0, gid: gid ?? 0 };
}
