/**
 * Writes key files so that a crash at any moment leaves the old file, the new one or none, and never half of one.
 *
 * @module
 */
import { dirname } from "node:path";
import { syncFolderOf, writeBeside } from "../../base/durable_file.ts";
import { encodeKeyFile, type KeyFile, type LocalKey, newLocalKey } from "./key_file.ts";

/**
 * Makes a key file with one new key, mode 0600, and its folder with mode 0700 if that is not there. A file that is
 * there already is left as it is: of two processes that start together, one makes the file and both use it.
 *
 * @throws whatever the file system throws.
 */
export async function createKeyFile(path: string): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const key = newLocalKey();
  const temporary = await writeKeysBeside(path, [key], 0o600);
  key.material.fill(0);
  try {
    // Unlike a rename, a link never replaces what is there.
    await Deno.link(temporary, path);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  } finally {
    await Deno.remove(temporary);
  }
  await syncFolderOf(path);
}

/**
 * Puts `keys` in the place of the file that was read, with its mode, owner and group.
 *
 * @throws whatever the file system throws; the old file is then still there.
 */
export async function replaceKeyFile(path: string, old: KeyFile, keys: readonly LocalKey[]): Promise<void> {
  const temporary = await writeKeysBeside(path, keys, (old.info.mode ?? 0o600) & 0o700);
  try {
    const { uid, gid } = await Deno.lstat(temporary);
    if (uid !== old.info.uid || gid !== old.info.gid) await Deno.chown(temporary, old.info.uid, old.info.gid);
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary);
    throw error;
  }
  await syncFolderOf(path);
}

async function writeKeysBeside(path: string, keys: readonly LocalKey[], mode: number): Promise<string> {
  const bytes = encodeKeyFile(keys);
  try {
    return await writeBeside(path, bytes, mode);
  } finally {
    bytes.fill(0);
  }
}
