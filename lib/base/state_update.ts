/**
 * Changes a file of the state folder that another process of this node can change at the same time: during a takeover
 * two plugin processes run, and the key service for SOPS shares the folder.
 *
 * @module
 */
import { type Clock, systemClock } from "./clock.ts";
import { withFile } from "./durable_file.ts";
import { KmsError } from "./errors.ts";
import { whyUnwritable } from "./file_failures.ts";
import type { StateFile } from "./state_file.ts";

/**
 * Milliseconds. An update reads and writes one small file; a process that holds the lock longer than `patience` has
 * been suspended.
 */
const lockTimings = { patience: 2_000, retry: 20 } as const;

/**
 * Reads the file, changes its value and replaces it, under an exclusive lock on the folder itself. No lock file is
 * created.
 *
 * @param change returns the new value; `undefined` to leave the file unchanged.
 * @returns the value in the file afterwards; `undefined` if there is no file.
 * @throws {KmsError} `config` if the file cannot be read, is damaged or of a newer format, cannot be written, or if
 *   another process holds the lock for longer than two seconds.
 */
export async function updateState<T extends object>(
  folder: string,
  file: StateFile<T>,
  change: (found: T | undefined) => T | undefined,
  clock: Clock = systemClock,
): Promise<T | undefined> {
  return await underLock(folder, clock, async () => {
    const found = await file.read();
    const changed = change(found);
    if (changed === undefined) return found;
    await file.write(changed);
    return changed;
  });
}

async function underLock<T>(folder: string, clock: Clock, work: () => Promise<T>): Promise<T> {
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    return await withFile(folder, { read: true }, async (locked) => {
      await lock(folder, locked, clock);
      return await work();
    });
  } catch (thrown) {
    if (thrown instanceof KmsError) throw thrown;
    const why = whyUnwritable(thrown, `${folder}/lock`);
    throw new KmsError("config", `Cannot write to the state folder ${folder}: ${why}.`, { cause: thrown });
  }
}

/** Polls, since a pending blocking `lock()` cannot be cancelled. */
async function lock(folder: string, locked: Deno.FsFile, clock: Clock): Promise<void> {
  const until = clock.now() + lockTimings.patience;
  while (!await locked.tryLock(true)) {
    if (clock.now() >= until) {
      throw new KmsError("config", `Cannot write to the state folder ${folder}: another process keeps it locked.`);
    }
    await clock.sleep(lockTimings.retry, new AbortController().signal);
  }
}
