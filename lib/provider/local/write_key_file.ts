/**
 * Writes key files so that a crash at any moment leaves the old file, the new one or none, and never half of one.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";
import { hex } from "../../bytes.ts";
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
  const temporary = await writeBeside(path, [key], 0o600);
  key.material.fill(0);
  try {
    // Unlike a rename, a link never replaces what is there.
    await Deno.link(temporary, path);
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  } finally {
    await Deno.remove(temporary);
  }
  await syncFolder(path);
}

/**
 * Puts `keys` in the place of the file that was read, with its mode, owner and group.
 *
 * @throws whatever the file system throws; the old file is then still there.
 */
export async function replaceKeyFile(path: string, old: KeyFile, keys: readonly LocalKey[]): Promise<void> {
  const temporary = await writeBeside(path, keys, (old.info.mode ?? 0o600) & 0o700);
  try {
    const { uid, gid } = await Deno.lstat(temporary);
    if (uid !== old.info.uid || gid !== old.info.gid) await Deno.chown(temporary, old.info.uid, old.info.gid);
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary);
    throw error;
  }
  await syncFolder(path);
}

/** Writes and syncs a new file in the same folder; only there can it be moved into place in one step. */
async function writeBeside(path: string, keys: readonly LocalKey[], mode: number): Promise<string> {
  const temporary = join(dirname(path), `.${basename(path)}.${hex(crypto.getRandomValues(new Uint8Array(8)))}.tmp`);
  const bytes = encodeKeyFile(keys);
  try {
    using file = await Deno.open(temporary, { write: true, createNew: true, mode });
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    await file.sync();
    return temporary;
  } catch (error) {
    await Deno.remove(temporary).catch(() => undefined);
    throw error;
  } finally {
    bytes.fill(0);
  }
}

/** A new name is on the disk only when its folder is. */
async function syncFolder(path: string): Promise<void> {
  using folder = await Deno.open(dirname(path), { read: true });
  await folder.sync();
}
