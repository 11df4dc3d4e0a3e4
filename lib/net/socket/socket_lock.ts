/**
 * The lock file beside a socket: whoever holds it serves there. The kernel lets go of it when its holder dies, however
 * that happens, so that no stale lock can exist. The file itself stays: deleting it would let two processes lock two files.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import { KmsError } from "../../base/errors.ts";
import { ownerFound, whyUnwritable } from "../../base/file_failures.ts";
import { openOrMake } from "../../base/file_owner.ts";
import { isRefusal } from "../../base/system_failures.ts";
import { fileInfo, sameFile } from "./socket_file.ts";

/** A lock that is held. Disposing of it gives it up. */
export interface SocketLock extends Disposable {
  /** Whether the locked file is still the one beside the socket: somebody may have deleted the folder. */
  inPlace(): boolean;
}

/**
 * Takes the lock `<socket>.lock` if nobody holds it. Disposing of it twice is one time too many and does no harm.
 *
 * @returns `undefined` if somebody else holds it.
 * @throws {KmsError} `config` if the file cannot be opened, or is no regular file.
 */
export async function tryLockSocket(socket: string): Promise<SocketLock | undefined> {
  const path = `${socket}.lock`;
  const file = await openLock(path);
  let open = true;
  const lock: SocketLock = {
    inPlace: () => open && sameFile(file.statSync(), path),
    [Symbol.dispose]() {
      if (open) file.close();
      open = false;
    },
  };
  // Between opening and locking, the file may have been deleted and made again by somebody who locked the new one.
  if (await file.tryLock(true) && lock.inPlace()) {
    // `trousseau probe --wait` sees by it that a process has begun to start, even if that ended before it was seen.
    const now = new Date(systemClock.wall());
    await file.utime(now, now).catch(() => {});
    return lock;
  }
  file.close();
  return undefined;
}

/** What can be seen of a lock from outside. */
export interface LockState {
  /** `unknown` where the file may not be opened. */
  readonly state: "held" | "free" | "absent" | "unknown";
  /** When it was last taken, in milliseconds since the epoch. */
  readonly takenAt: number | undefined;
}

/** Looks at the lock `<socket>.lock` without taking it. It never throws. */
export async function lookAtLock(socket: string): Promise<LockState> {
  const path = `${socket}.lock`;
  try {
    // The opening of a FIFO would wait for a writer.
    if (!(await Deno.lstat(path)).isFile) return { state: "unknown", takenAt: undefined };
    using file = await Deno.open(path, { read: true });
    // A shared lock is refused where the exclusive one is held; a start that it gets in the way of tries again.
    const state = await file.tryLock(false) ? "free" : "held";
    return { state, takenAt: (await file.stat()).mtime?.getTime() };
  } catch (thrown) {
    return { state: thrown instanceof Deno.errors.NotFound ? "absent" : "unknown", takenAt: undefined };
  }
}

async function openLock(path: string): Promise<Deno.FsFile> {
  try {
    const found = fileInfo(path);
    if (found?.isSymlink) throw new KmsError("config", `Cannot lock "${path}": it is a symlink.`);
    if (found !== undefined && !found.isFile) throw notRegular(path);
    const file = await openOrMake(path, { read: true, write: true, mode: 0o600 });
    if (file.statSync().isFile) return file;
    file.close();
    throw notRegular(path);
  } catch (error) {
    if (error instanceof KmsError) throw error;
    const owner = isRefusal(error) ? ownerFound(path) : undefined;
    if (owner === undefined) {
      throw new KmsError("config", `Cannot lock "${path}": ${whyUnwritable(error, path)}.`, { cause: error });
    }
    throw new KmsError(
      "config",
      `Cannot lock "${path}": ${owner}. Stop the process that holds it; if there is none, remove it and the socket as ` +
        "its owner or as root.",
      { cause: error },
    );
  }
}

function notRegular(path: string): KmsError {
  return new KmsError("config", `Cannot lock "${path}": it is no regular file; remove it.`);
}
