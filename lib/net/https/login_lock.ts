/**
 * A lock between all processes of a node: one login at a time. Of two processes that start together, the second reads
 * the refusal of the first.
 *
 * @module
 */
import { type Clock, systemClock } from "../../base/clock.ts";

/** Milliseconds. `longest` leaves most of a login's ten seconds for the login itself. */
const timings = { poll: 50, longest: 3_000 } as const;

/**
 * Waits for the lock of a file. The kernel releases the lock when its process ends, for any reason. The file remains:
 * otherwise two processes could lock two different files of the same name.
 *
 * @param signal ends the wait.
 * @returns the lock. Without effect if the folder is missing or not accessible, and after three seconds: a process that
 *   was suspended during its login must not block the others.
 */
export async function loginLock(path: string, signal: AbortSignal, clock: Clock = systemClock): Promise<Disposable> {
  const file = await opened(path);
  if (file === undefined) return { [Symbol.dispose]() {} };
  const end = clock.now() + timings.longest;
  while (!await locked(file) && !signal.aborted && clock.now() < end) await clock.sleep(timings.poll, signal);
  return { [Symbol.dispose]: () => file.close() };
}

/** The lock needs no write permission: the file can belong to another user who ran `check`. */
async function opened(path: string): Promise<Deno.FsFile | undefined> {
  try {
    // Opening a FIFO would wait for a writer.
    return (await Deno.stat(path)).isFile ? await Deno.open(path, { read: true }) : undefined;
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) return undefined;
    return await Deno.open(path, { read: true, write: true, create: true, mode: 0o644 }).catch(() => undefined);
  }
}

/** A file system without locks reports an error; the file then counts as locked. */
async function locked(file: Deno.FsFile): Promise<boolean> {
  return await file.tryLock(true).catch(() => true);
}
