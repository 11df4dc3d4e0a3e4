/**
 * Whose a file is. A command that root runs by hand must not leave files behind that the service's own user cannot read:
 * what root writes belongs to whoever owned the file before, or else the folder.
 *
 * @module
 */
import { closeSync, constants, fchownSync, fstatSync, openSync } from "node:fs";
import { dirname, join } from "node:path";
import { hex } from "./bytes.ts";
import { isRefusal } from "./system_failures.ts";

/** A user and a group by their numbers. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Who shall own a file at `path`: who owns the one that is there, else who owns the folder; `undefined` if neither is. */
export async function ownerFor(path: string): Promise<Owner | undefined> {
  try {
    return ownerOf(await Deno.lstat(path));
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    return folderOwner(path);
  }
}

/** Who owns the folder of `path`; `undefined` if it is not there. */
export function folderOwner(path: string): Owner | undefined {
  try {
    return ownerOf(Deno.statSync(dirname(path)));
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw thrown;
  }
}

/**
 * Gives a file that this process has just made, and no other one, to `owner`. Only root can: for another user, and where
 * root lacks the right, the file stays as it was made.
 *
 * @param path where the file is. It is not followed if it is a symlink by now: its folder may be another user's.
 */
export async function giveFile(file: Deno.FsFile, path: string, owner: Owner | undefined): Promise<void> {
  const made = await file.stat();
  if (owner === undefined || made.uid !== 0 || (owner.uid === 0 && owner.gid === made.gid)) return;
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { dev, ino } = fstatSync(descriptor);
    if (dev === made.dev && ino === made.ino) fchownSync(descriptor, owner.uid, owner.gid);
  } catch (thrown) {
    if (!isRefusal(thrown)) throw thrown;
  } finally {
    closeSync(descriptor);
  }
}

/** Opens a file, and makes it if it is not there: then it belongs to who owns the folder, if root makes it. */
export async function openOrMake(path: string, options: Deno.OpenOptions): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path, options);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
  const file = await Deno.open(path, { ...options, create: true });
  try {
    await giveFile(file, path, folderOwner(path));
    return file;
  } catch (thrown) {
    file.close();
    throw thrown;
  }
}

/**
 * Which user this process is, by a folder that it makes and removes: asking the system would take a permission that the
 * program does not have.
 *
 * @returns `undefined` where it may not make one in any of `folders`.
 */
export function ownUser(...folders: readonly string[]): number | undefined {
  for (const folder of folders) {
    const probe = join(folder, `.t-${hex(crypto.getRandomValues(new Uint8Array(3)))}`);
    try {
      Deno.mkdirSync(probe, { mode: 0o700 });
    } catch {
      continue;
    }
    try {
      return Deno.lstatSync(probe).uid ?? undefined;
    } finally {
      Deno.removeSync(probe);
    }
  }
  return undefined;
}

function ownerOf({ uid, gid }: Deno.FileInfo): Owner | undefined {
  return uid === null || gid === null ? undefined : { uid, gid };
}
