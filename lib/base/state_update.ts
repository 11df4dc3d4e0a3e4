/**
 * Changing a file of the state folder while another process of this node may change it too: during a takeover two
 * plugins run, and the key service for SOPS shares the folder.
 *
 * @module
 */
import { type Clock, systemClock } from "./clock.ts";
import { withFile } from "./durable_file.ts";
import { KmsError } from "./errors.ts";
import { whyUnwritable } from "./file_failures.ts";
import type { StateFile } from "./state_file.ts";

/** Milliseconds. An update reads and writes one small file; a process that holds the lock for longer was stopped. */
const lockTimings = { patience: 2_000, retry: 20 } as const;

/**
 * Reads the file, changes its value and replaces it, under an exclusive lock on the folder, which leaves nothing behind.
 *
 * @param change gives the new value, or `undefined` if the file is right as it is.
 * @returns what the file holds now; `undefined` where there is none.
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

/** A lock that is waited for cannot be given up again, so it is tried for instead. */
async function lock(folder: string, locked: Deno.FsFile, clock: Clock): Promise<void> {
  const until = clock.now() + lockTimings.patience;
  while (!await locked.tryLock(true)) {
    if (clock.now() >= until) {
      throw new KmsError("config", `Cannot write to the state folder ${folder}: another process keeps it locked.`);
    }
    await clock.sleep(lockTimings.retry, new AbortController().signal);
  }
}
