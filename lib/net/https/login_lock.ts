/**
 * One login at a time for all processes of a node: of two that start together, the second sees the refusal of the first.
 *
 * @module
 */
import { type Clock, systemClock } from "../../base/clock.ts";

/** Milliseconds. The wait leaves most of a login's ten seconds for the login itself. */
const timings = { poll: 50, longest: 3_000 } as const;

/**
 * Waits for the lock of a file. The kernel releases it when its holder ends, however that happens; the file stays, since
 * deleting it would let two processes lock two files.
 *
 * @param signal ends the wait.
 * @returns the lock, or one of nothing where the folder is not there or may not be used, or after three seconds: a
 *   process that was stopped in the middle of its login must not keep the others from their KMS.
 */
export async function loginLock(path: string, signal: AbortSignal, clock: Clock = systemClock): Promise<Disposable> {
  const file = await opened(path);
  if (file === undefined) return { [Symbol.dispose]() {} };
  const end = clock.now() + timings.longest;
  while (!await locked(file) && !signal.aborted && clock.now() < end) await clock.sleep(timings.poll, signal);
  return { [Symbol.dispose]: () => file.close() };
}

/** A lock needs no right to write: the file may be another user's, who ran `check`. */
async function opened(path: string): Promise<Deno.FsFile | undefined> {
  try {
    // The opening of a FIFO waits for a writer.
    return (await Deno.stat(path)).isFile ? await Deno.open(path, { read: true }) : undefined;
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) return undefined;
    return await Deno.open(path, { read: true, write: true, create: true, mode: 0o644 }).catch(() => undefined);
  }
}

/** On a file system without locks, nobody else holds it. */
async function locked(file: Deno.FsFile): Promise<boolean> {
  return await file.tryLock(true).catch(() => true);
}
