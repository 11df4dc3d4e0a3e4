/**
 * Why a file could not be read or written, and the cure: the errno in words, and the file's owner.
 *
 * @module
 */
import { dirname } from "node:path";
import { ownUser } from "./file_owner.ts";
import { errnoOf, isRefusal, systemFailure } from "./system_failures.ts";

/** The attempted operation. */
type Access = "read" | "write";

/** Cures of a failed write, by errno. An errno whose words in the table of failures name the cure has no row. */
const cures: Readonly<Record<string, string | undefined>> = {
  ENOSPC: "make room there",
  EDQUOT: "raise the quota, or make room",
  EROFS: "mount it to be written, or add the folder to ReadWritePaths= of the unit",
  ENOENT: "make its folder first",
  EISDIR: "name a file in it, or move it away",
  ENOTEMPTY: "move it away",
  EMFILE: "raise the limit",
  ENFILE: "raise fs.file-max",
};

/** Folders that the service may usually write. They are used to find the user of this process. */
const ourFolders = ["/var/lib/trousseau", "/run/trousseau"] as const;

/**
 * Why a file could not be written or made, with the cure, as the end of a sentence without its full stop.
 *
 * @param path of the file or folder; it is named again only where another one on the way to it is the reason.
 */
export function whyUnwritable(thrown: unknown, path: string): string {
  if (thrown instanceof Deno.errors.NotCapable) {
    return "Trousseau is permitted to write below /run, /var/run and /var/lib/trousseau alone; name a path there";
  }
  const cure = isRefusal(thrown) ? ownerToMend(path, "write") : cures[errnoOf(thrown) ?? ""];
  return cure === undefined ? systemFailure(thrown) : `${systemFailure(thrown)}; ${cure}`;
}

/**
 * Why a file could not be opened for reading, as the end of a sentence without its full stop. It holds nothing of the
 * file.
 */
export function whyUnopened(thrown: unknown, path: string): string {
  if (thrown instanceof Deno.errors.NotCapable) {
    return "Trousseau may not read there (nothing below /proc, /sys and /dev)";
  }
  if (isRefusal(thrown)) {
    const owner = ownerToMend(path, "read");
    return owner === undefined ? "this user may not read it" : `this user may not read it; ${owner}`;
  }
  const failure = systemFailure(thrown);
  return failure === "there is no such file or folder" ? "there is no such file" : failure;
}

/**
 * The owner of a file that this process may not use, and the user of this process: `it is owned by uid 0 (expected 993,
 * mode 0600)`; `undefined` if the file cannot be looked at.
 */
export function ownerFound(path: string): string | undefined {
  try {
    return `it ${ownedBy(Deno.lstatSync(path), ownUser(...foldersAbove(path), ...ourFolders))}`;
  } catch {
    return undefined;
  }
}

interface Found {
  readonly path: string;
  readonly info: Deno.FileInfo;
  /** Whether it is a folder that does not let this user see what is below it. */
  readonly hidesMore: boolean;
}

/**
 * The owner of the file or folder at which the access fails, and the command that mends it. A file is written beside its
 * place and moved there, so that for a write the folder is named, unless this user owns it. The command never gives away
 * a folder that others use too: a folder on the way is opened to this user, and a missing one is made.
 */
function ownerToMend(path: string, access: Access): string | undefined {
  const [file, folder] = [nearest(path), nearest(dirname(path))];
  if (file === undefined || folder === undefined) return undefined;
  const user = ownUser(path, ...foldersAbove(path), ...ourFolders);
  const found = access === "write" && !file.info.isDirectory && folder.info.uid !== user ? folder : file;
  const which = found.path === path ? "it" : `its folder ${found.path}`;
  const sentence = `${which} ${ownedBy(found.info, user)}`;
  if (user !== undefined && user === found.info.uid) {
    return `${sentence}; look at the modes of the folders above it, at its attributes (lsattr) and at SELinux or AppArmor`;
  }
  return `${sentence}: ${cureOfOwner(path, access, found, `${user ?? "USER"}`)}`;
}

function cureOfOwner(path: string, access: Access, { path: at, info, hidesMore }: Found, user: string): string {
  if (!info.isDirectory) {
    const chown = `chown ${user} ${at}`;
    return access === "write" ? chown : `${chown}, or let a group of this user read it (chgrp, chmod g+r)`;
  }
  const inner = foldersAbove(path).find((folder) => dirname(folder) === at && folder !== at);
  if (inner !== undefined && !hidesMore) return `install -d -m 0711 -o ${user} ${inner}`;
  if (inner === undefined && mayWrite(at) && !isShared(at)) return `chown -R ${user} ${at}`;
  return access === "write" && !hidesMore
    ? "name a path in a folder of this user's own"
    : "let this user pass through it (chgrp, chmod g+x), or name a path elsewhere";
}

/** Whether Trousseau is permitted to write there: below `/run` and in its own folder, and not in all of `/etc`. */
function mayWrite(path: string): boolean {
  return Deno.permissions.querySync({ name: "write", path }).state === "granted";
}

/** Whether a folder is the system's own, such as `/run` and `/var/lib`: the files of all other programs are in it. */
function isShared(folder: string): boolean {
  return /^(\/var)?(\/[^/]*)?$/.test(folder);
}

function ownedBy(info: Deno.FileInfo, user: number | undefined): string {
  const mode = ((info.mode ?? 0) & 0o7777).toString(8).padStart(4, "0");
  return `is owned by uid ${info.uid} (expected ${user ?? "the user of this process"}, mode ${mode})`;
}

/** The file itself, or the first folder above it that can be looked at. */
function nearest(path: string): Found | undefined {
  let hidesMore = false;
  for (let at = path;; at = dirname(at)) {
    try {
      return { path: at, info: Deno.statSync(at), hidesMore };
    } catch (thrown) {
      hidesMore = isRefusal(thrown);
      if (dirname(at) === at) return undefined;
    }
  }
}

/** The folders above a path, from the nearest to the root. One of them belongs to this user, if not the first. */
function foldersAbove(path: string): readonly string[] {
  const above = [dirname(path)];
  for (let at = dirname(path); at !== dirname(at);) above.push(at = dirname(at));
  return above;
}
