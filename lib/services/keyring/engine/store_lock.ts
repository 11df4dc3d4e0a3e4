/**
 * The lock of an embedded store: one process at a time.
 *
 * @module
 */
import { exactText, utf8 } from "../../../base/bytes.ts";
import { whyUnwritable } from "../../../base/file_failures.ts";
import { openOrCreate } from "../../../base/file_owner.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";

/**
 * Takes the lock `PATH.lock`, which contains the ID of its holder. The kernel releases it when the process ends; the file
 * stays, since two processes could otherwise lock two files of one name.
 *
 * @throws {KeyringError} `store_unavailable` if another process holds it, or it cannot be written.
 */
export async function lockStore(path: string): Promise<Disposable> {
  const file = await openLock(`${path}.lock`, path);
  try {
    if (!await takesLock(file)) throw locked(path, await holderIn(file));
    await file.truncate();
    await file.write(utf8(`${Deno.pid}\n`));
    return { [Symbol.dispose]: () => file.close() };
  } catch (thrown) {
    file.close();
    throw thrown instanceof KeyringError ? thrown : unlockable(path, thrown);
  }
}

/** Milliseconds between two tries, and number of tries. */
const [pauseMs, tries] = [50, 20] as const;

/**
 * Locks a file within a second, and tells whether it could. The lock of a holder that has just closed the file lasts for
 * as long as a process that was forked meanwhile has not begun its program.
 */
async function takesLock(file: Deno.FsFile): Promise<boolean> {
  for (let tried = 1; !await file.tryLock(true); tried++) {
    if (tried === tries) return false;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  return true;
}

async function openLock(lock: string, path: string): Promise<Deno.FsFile> {
  try {
    // Opening a pipe would wait for a writer.
    const found = await Deno.lstat(lock).catch(() => undefined);
    if (found !== undefined && !found.isFile) {
      throw new KeyringError(
        "store_unavailable",
        `Cannot lock the store at "${path}": "${lock}" is no file; remove it.`,
      );
    }
    return await openOrCreate(lock, { read: true, write: true, mode: 0o600 });
  } catch (thrown) {
    throw thrown instanceof KeyringError ? thrown : unlockable(path, thrown);
  }
}

async function holderIn(file: Deno.FsFile): Promise<string> {
  const bytes = new Uint8Array(32);
  const length = await file.read(bytes) ?? 0;
  const text = exactText(bytes.subarray(0, length))?.trim() ?? "";
  return /^\d{1,10}$/.test(text) ? `process ${text}` : "another process";
}

function locked(path: string, holder: string): KeyringError {
  return new KeyringError(
    "store_unavailable",
    `Cannot open the store at "${path}": ${holder} has it open; stop that one first.`,
    { retryAfterSeconds: 1 },
  );
}

function unlockable(path: string, cause: unknown): KeyringError {
  const why = whyUnwritable(cause, `${path}.lock`);
  return new KeyringError("store_unavailable", `Cannot lock the store at "${path}": ${why}.`, { cause });
}
