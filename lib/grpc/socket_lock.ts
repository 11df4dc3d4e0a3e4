/**
 * The lock file beside a socket: whoever holds it serves there. The kernel lets go of it when its holder dies, however
 * that happens, so that no stale lock can exist. The file itself stays: deleting it would let two processes lock two files.
 *
 * @module
 */
import { KmsError } from "../errors.ts";
import { openOrMake } from "../file_owner.ts";
import { sameFile, systemReason, whoseFile } from "./socket_file.ts";

/** A lock that is held. Disposing of it gives it up. */
export interface SocketLock extends Disposable {
  /** Whether the locked file is still the one beside the socket: somebody may have deleted the folder. */
  inPlace(): boolean;
}

/**
 * Takes the lock `<socket>.lock` if nobody holds it.
 *
 * @returns `undefined` if somebody else holds it.
 * @throws {KmsError} `config` if the file cannot be opened, or is no regular file.
 */
export async function tryLockSocket(socket: string): Promise<SocketLock | undefined> {
  const path = `${socket}.lock`;
  const file = await openLock(path);
  const lock: SocketLock = {
    inPlace: () => sameFile(file.statSync(), path),
    [Symbol.dispose]: () => file.close(),
  };
  // Between opening and locking, the file may have been deleted and made again by somebody who locked the new one.
  if (await file.tryLock(true) && lock.inPlace()) return lock;
  file.close();
  return undefined;
}

async function openLock(path: string): Promise<Deno.FsFile> {
  try {
    const found = await infoOf(path);
    if (found?.isSymlink) throw new KmsError("config", `Cannot lock "${path}": it is a symlink.`);
    if (found !== undefined && !found.isFile) throw notRegular(path);
    const file = await openOrMake(path, { read: true, write: true, mode: 0o600 });
    if (file.statSync().isFile) return file;
    file.close();
    throw notRegular(path);
  } catch (error) {
    if (error instanceof KmsError) throw error;
    const whose = error instanceof Deno.errors.PermissionDenied ? whoseFile(path) : undefined;
    const advice =
      "Stop the process that holds it; if there is none, remove it and the socket as its owner or as root.";
    const why = whose === undefined ? `${systemReason(error)}.` : `${whose}. ${advice}`;
    throw new KmsError("config", `Cannot lock "${path}": ${why}`, { cause: error });
  }
}

async function infoOf(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function notRegular(path: string): KmsError {
  return new KmsError("config", `Cannot lock "${path}": it is no regular file; remove it.`);
}
