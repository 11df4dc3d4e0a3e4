/**
 * Ownership of files. Commands that root runs by hand must not leave files that the service's user cannot read: a file
 * written by root gets the owner of the file that it replaces, or else of the folder.
 *
 * @module
 */
import { closeSync, constants, fchownSync, fstatSync, openSync } from "node:fs";
import { dirname, join } from "node:path";
import { hex } from "./bytes.ts";
import { isRefusal } from "./system_failures.ts";

/** Numeric user and group IDs. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The owner that a file at `path` is to have: that of the existing file, else of the folder; `undefined` if neither
 * exists.
 */
export async function ownerFor(path: string): Promise<Owner | undefined> {
  try {
    return ownerOf(await Deno.lstat(path));
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    return folderOwner(path);
  }
}

/** The owner of the folder of `path`; `undefined` if it does not exist. */
export function folderOwner(path: string): Owner | undefined {
  try {
    return ownerOf(Deno.statSync(dirname(path)));
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw thrown;
  }
}

/**
 * Changes the owner of a file that this process has just created. Has no effect unless the file belongs to root.
 * Without the right to change owners (CAP_CHOWN), the owner stays.
 *
 * @param path path of the file. A symbolic link is not followed, and another file at that path is left unchanged: the
 *   folder can belong to another user, who can replace the file in the meantime.
 */
export async function setOwner(file: Deno.FsFile, path: string, owner: Owner | undefined): Promise<void> {
  const created = await file.stat();
  if (owner === undefined || created.uid !== 0 || (owner.uid === 0 && owner.gid === created.gid)) return;
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { dev, ino } = fstatSync(descriptor);
    if (dev === created.dev && ino === created.ino) fchownSync(descriptor, owner.uid, owner.gid);
  } catch (thrown) {
    if (!isRefusal(thrown)) throw thrown;
  } finally {
    closeSync(descriptor);
  }
}

/** Opens a file, or creates it if it does not exist. A file that root creates gets the owner of the folder. */
export async function openOrCreate(path: string, options: Deno.OpenOptions): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path, options);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
  const file = await Deno.open(path, { ...options, create: true });
  try {
    await setOwner(file, path, folderOwner(path));
    return file;
  } catch (thrown) {
    file.close();
    throw thrown;
  }
}

/**
 * The user ID of this process, determined from a folder that is created and removed: `Deno.uid()` needs a permission
 * (`--allow-sys`) that the program does not have.
 *
 * @returns `undefined` if none of `folders` is writable.
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
