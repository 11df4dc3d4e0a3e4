/**
 * Files that survive a power cut: written beside their place, synced, and then moved there in one step.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";
import { hex } from "./bytes.ts";

/** Opens a file, works with it and closes it, whatever happens. */
export async function withFile<T>(
  path: string,
  options: Deno.OpenOptions,
  work: (file: Deno.FsFile) => Promise<T>,
): Promise<T> {
  const file = await Deno.open(path, options);
  try {
    return await work(file);
  } finally {
    file.close();
  }
}

/**
 * What is in a file, never more than that many bytes: a device or a log file must not fill the memory.
 *
 * @returns `undefined` where it is larger.
 */
export async function readAtMost(path: string, most: number): Promise<Uint8Array | undefined> {
  const bytes = new Uint8Array(most + 1);
  let length = 0;
  await withFile(path, { read: true }, async (file) => {
    while (length < bytes.length) {
      const read = await file.read(bytes.subarray(length));
      if (read === null) return;
      length += read;
    }
  });
  return length > most ? undefined : bytes.subarray(0, length);
}

/** A path that was to name a regular file of a bounded size, and does not. Its name is the reason. */
export class FileRefusedError extends Error {
  constructor(override readonly name: "NotARegularFile" | "TooLarge", path: string) {
    super(`${path}: ${name}`);
  }
}

/**
 * Reads a regular file whole. A FIFO, whose opening waits for a writer, and a device are refused before they are opened.
 *
 * @param most bytes that it may have.
 * @throws {FileRefusedError} if it is something else or longer.
 * @throws as `Deno.stat` and `Deno.open` where it is not there or may not be read.
 */
export async function readRegularFile(path: string, most: number): Promise<Uint8Array> {
  if (!(await Deno.stat(path)).isFile) throw new FileRefusedError("NotARegularFile", path);
  const bytes = await readAtMost(path, most);
  if (bytes === undefined) throw new FileRefusedError("TooLarge", path);
  return bytes;
}

/**
 * Writes and syncs a new file in the folder of `path`; only from there can it be moved into place in one step.
 *
 * @returns the path of the temporary file, which the caller moves or removes.
 */
export async function writeBeside(path: string, bytes: Uint8Array, mode: number): Promise<string> {
  const temporary = join(dirname(path), `.${basename(path)}.${hex(crypto.getRandomValues(new Uint8Array(8)))}.tmp`);
  try {
    await withFile(temporary, { write: true, createNew: true, mode }, async (file) => {
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      await file.sync();
    });
    return temporary;
  } catch (error) {
    await Deno.remove(temporary).catch(() => undefined);
    throw error;
  }
}

/** Replaces a file in one step, or makes it; after a crash there is the old one or the new one. */
export async function replaceFile(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  const temporary = await writeBeside(path, bytes, mode);
  try {
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => undefined);
    throw error;
  }
  await syncFolderOf(path);
}

/** A new name is on the disk only when its folder is. */
export async function syncFolderOf(path: string): Promise<void> {
  await withFile(dirname(path), { read: true }, (folder) => folder.sync());
}
