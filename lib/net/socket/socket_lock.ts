/**
 * The lock file beside a socket. Its holder serves on the socket. The kernel releases the lock when the process ends,
 * for any reason, so that there are no stale locks. The file itself remains: otherwise two processes could lock two
 * different files of the same name.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import { KmsError } from "../../base/errors.ts";
import { ownerFound, whyUnwritable } from "../../base/file_failures.ts";
import { openOrCreate } from "../../base/file_owner.ts";
import { isRefusal } from "../../base/system_failures.ts";
import { fileInfo, sameFile } from "./socket_file.ts";

/** A lock that is held. Disposing of it releases it; a second disposal has no effect. */
export interface SocketLock extends Disposable {
  /** Whether the locked file is still the one beside the socket. The folder can have been deleted. */
  inPlace(): boolean;
}

/**
 * Takes the lock `<socket>.lock` if no other process holds it.
 *
 * @returns `undefined` if another process holds it.
 * @throws {KmsError} `config` if the file cannot be opened, or is not a regular file.
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
  // Between opening and locking, the file can have been deleted, and created and locked again by another process.
  if (await file.tryLock(true) && lock.inPlace()) {
    // From this time `trousseau probe --wait` sees that a process has started, even one that ended before the next
    // check.
    const now = new Date(systemClock.wall());
    await file.utime(now, now).catch(() => {});
    return lock;
  }
  file.close();
  return undefined;
}

/** The state of a lock as other processes see it. */
export interface LockState {
  /** `unknown` if the file must not be opened. */
  readonly state: "held" | "free" | "absent" | "unknown";
  /** Time at which it was last taken, in milliseconds since the epoch. */
  readonly takenAt: number | undefined;
}

/** Examines the lock `<socket>.lock` without taking it. It never throws. */
export async function inspectLock(socket: string): Promise<LockState> {
  const path = `${socket}.lock`;
  try {
    // Opening a FIFO would wait for a writer.
    if (!(await Deno.lstat(path)).isFile) return { state: "unknown", takenAt: undefined };
    using file = await Deno.open(path, { read: true });
    // A shared lock is refused while the exclusive one is held. A start that is disturbed by it tries again.
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
    const file = await openOrCreate(path, { read: true, write: true, mode: 0o600 });
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
