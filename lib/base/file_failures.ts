/**
 * The reason why a file could not be read or written, and its remedy, from the errno and the owner of the file.
 *
 * @module
 */
import { dirname } from "node:path";
import { ownUser } from "./file_owner.ts";
import { errnoOf, isRefusal, systemFailure } from "./system_failures.ts";

/** The attempted operation. */
type Access = "read" | "write";

/**
 * Remedies for a failed write, by errno. There is no row if the phrase in {@linkcode systemFailure} names the remedy.
 */
const remedies: Readonly<Record<string, string | undefined>> = {
  ENOSPC: "make room there",
  EDQUOT: "raise the quota, or make room",
  EROFS: "mount it to be written, or add the folder to ReadWritePaths= of the unit",
  ENOENT: "make its folder first",
  EISDIR: "name a file in it, or move it away",
  ENOTEMPTY: "move it away",
  EMFILE: "raise the limit",
  ENFILE: "raise fs.file-max",
};

/** Folders that are normally writable for the service. They are used to determine the user of this process. */
const ourFolders = ["/var/lib/trousseau", "/run/trousseau"] as const;

/**
 * The reason why a file could not be written or created, and the remedy, as the end of a sentence without its full
 * stop.
 *
 * @param path path of the file or folder. The phrase contains a path only if another folder on the way is the reason.
 */
export function whyUnwritable(thrown: unknown, path: string): string {
  if (thrown instanceof Deno.errors.NotCapable) {
    return "Trousseau is permitted to write below /run, /var/run and /var/lib/trousseau alone; name a path there";
  }
  const remedy = isRefusal(thrown) ? ownerAndRemedy(path, "write") : remedies[errnoOf(thrown) ?? ""];
  return remedy === undefined ? systemFailure(thrown) : `${systemFailure(thrown)}; ${remedy}`;
}

/**
 * The reason why a file could not be opened for reading, as the end of a sentence without its full stop. It contains
 * nothing of the file's content.
 */
export function whyUnopened(thrown: unknown, path: string): string {
  if (thrown instanceof Deno.errors.NotCapable) {
    return "Trousseau may not read there (nothing below /proc, /sys and /dev)";
  }
  if (isRefusal(thrown)) {
    const owner = ownerAndRemedy(path, "read");
    return owner === undefined ? "this user may not read it" : `this user may not read it; ${owner}`;
  }
  const failure = systemFailure(thrown);
  return failure === "there is no such file or folder" ? "there is no such file" : failure;
}

/**
 * The owner of an inaccessible file and the user of this process, as in `it is owned by uid 0 (expected 993, mode
 * 0600)`; `undefined` if the file cannot be examined.
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
  /** Whether it is a folder whose mode hides its content from this user. */
  readonly hidesMore: boolean;
}

/**
 * The owner of the file or folder at which the access fails, and the command that repairs it.
 *
 * A write creates a file beside the target and renames it; so the folder is named, unless this user owns it. The
 * command never changes the owner of a folder that other programs use: an existing folder is made accessible, a missing
 * one is created.
 */
function ownerAndRemedy(path: string, access: Access): string | undefined {
  const [file, folder] = [nearest(path), nearest(dirname(path))];
  if (file === undefined || folder === undefined) return undefined;
  const user = ownUser(path, ...foldersAbove(path), ...ourFolders);
  const found = access === "write" && !file.info.isDirectory && folder.info.uid !== user ? folder : file;
  const which = found.path === path ? "it" : `its folder ${found.path}`;
  const sentence = `${which} ${ownedBy(found.info, user)}`;
  if (user !== undefined && user === found.info.uid) {
    return `${sentence}; look at the modes of the folders above it, at its attributes (lsattr) and at SELinux or AppArmor`;
  }
  return `${sentence}: ${ownerRemedy(path, access, found, `${user ?? "USER"}`)}`;
}

function ownerRemedy(path: string, access: Access, { path: at, info, hidesMore }: Found, user: string): string {
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

/**
 * Whether the permissions of this program include writing to the path: below `/run` and in its own folder, but not
 * below `/etc`.
 */
function mayWrite(path: string): boolean {
  return Deno.permissions.querySync({ name: "write", path }).state === "granted";
}

/** Whether a folder belongs to the system, for instance `/run` and `/var/lib`: it holds files of all other programs. */
function isShared(folder: string): boolean {
  return /^(\/var)?(\/[^/]*)?$/.test(folder);
}

function ownedBy(info: Deno.FileInfo, user: number | undefined): string {
  const mode = ((info.mode ?? 0) & 0o7777).toString(8).padStart(4, "0");
  return `is owned by uid ${info.uid} (expected ${user ?? "the user of this process"}, mode ${mode})`;
}

/** The file itself, or the nearest folder above it that can be examined. */
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

/**
 * The folders above a path, from the nearest to the root. Usually one of them belongs to this user, but not always the
 * first.
 */
function foldersAbove(path: string): readonly string[] {
  const above = [dirname(path)];
  for (let at = dirname(path); at !== dirname(at);) above.push(at = dirname(at));
  return above;
}
