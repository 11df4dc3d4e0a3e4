/**
 * Writes key files atomically: a crash at any moment leaves the old file, the new one or none, never a partial one.
 *
 * @module
 */
import { dirname } from "node:path";
import { syncFolderOf, writeBeside } from "../../base/durable_file.ts";
import { encodeKeyFile, type KeyFile, type LocalKey, newLocalKey } from "./key_file.ts";

/**
 * Creates a key file with one new key and mode 0600, and its folder with mode 0700 if missing. An existing file is left
 * unchanged: if two processes start together, one creates the file and both use it.
 *
 * @throws the error of the file system.
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
 * Replaces the file that was read with one that contains `keys`; its owner and group stay, and the owner's bits of its
 * mode.
 *
 * @throws the error of the file system; the old file then still exists.
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
