/**
 * Files that survive a power cut: written beside their place, synced, and then moved there in one step.
 *
 * @module
 */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { hex } from "./bytes.ts";
import { whyUnopened } from "./file_failures.ts";
import { giveFile, ownerFor } from "./file_owner.ts";
import { errnoOf, isRefusal } from "./system_failures.ts";

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

/** A path that was to name a regular file of a bounded size, or more than that, and does not. Its name is the reason. */
export class FileRefusedError extends Error {
  /** The same as the end of a sentence about the file, without its full stop. */
  readonly why: string;

  constructor(
    override readonly name: "NotARegularFile" | "TooLarge" | "WritableByOthers" | "NoSecret",
    path: string,
    why: string,
  ) {
    super(`${path}: ${name}`);
    this.why = why;
  }
}

/**
 * Reads a regular file whole, symbolic links followed. Everything else is refused before it is opened: the opening of a
 * FIFO waits for a writer, and that of a device may do anything.
 *
 * @param most bytes that it may have; no more are read.
 * @param refuse looks at the open file and may refuse it before it is read.
 * @throws {FileRefusedError} if it is something else or longer, or refused.
 * @throws {Deno.errors.NotFound | Deno.errors.PermissionDenied | Deno.errors.NotCapable} as `Deno.stat` and `Deno.open` do.
 */
export async function readRegularFile(
  path: string,
  most: number,
  refuse: (
    info: { readonly mode: number; readonly uid: number; readonly gid: number },
  ) => FileRefusedError | undefined = () => undefined,
): Promise<Uint8Array> {
  const { isFile, isDirectory, isFifo } = await Deno.stat(path);
  if (!isFile) throw notRegular(path, isDirectory ? "a folder" : isFifo ? "a pipe" : "no regular file");
  const file = await openForReading(path);
  try {
    const info = await file.stat();
    if (!info.isFile()) throw notRegular(path, "no regular file");
    const refusal = refuse(info);
    if (refusal !== undefined) throw refusal;
    const bytes = await readBounded(file, info.size, most);
    if (bytes === undefined) throw tooLarge(path, most);
    return bytes;
  } finally {
    await file.close();
  }
}

/**
 * Why {@linkcode readRegularFile} failed, with the cure where this user may not read the file, as the end of a sentence
 * without its full stop. It holds nothing of the file.
 */
export function whyUnreadable(thrown: unknown, path: string): string {
  return thrown instanceof FileRefusedError ? thrown.why : whyUnopened(thrown, path);
}

/** Without waiting, if a FIFO has been put into the place of the file since it was looked at. */
async function openForReading(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") throw new Deno.errors.NotFound(path, { cause: thrown });
    if (isRefusal(thrown)) throw new Deno.errors.PermissionDenied(path, { cause: thrown });
    throw thrown;
  }
}

/** The rest of an open file, or `undefined` if it is longer than `most`. A file may grow while it is read. */
async function readBounded(file: FileHandle, size: number, most: number): Promise<Uint8Array | undefined> {
  let bytes = new Uint8Array(Math.min(size, most) + 1);
  for (let length = 0;;) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length);
    length += bytesRead;
    if (length > most) return undefined;
    if (bytesRead === 0) return bytes.subarray(0, length);
    if (length < bytes.length) continue;
    const larger = new Uint8Array(Math.min(2 * length, most + 1));
    larger.set(bytes);
    bytes.fill(0);
    bytes = larger;
  }
}

function notRegular(path: string, what: string): FileRefusedError {
  return new FileRefusedError("NotARegularFile", path, `it is ${what}, and only a regular file is read`);
}

function tooLarge(path: string, most: number): FileRefusedError {
  const size = most >= 1024 && most % 1024 === 0 ? `${most / 1024} KiB` : `${most} bytes`;
  return new FileRefusedError("TooLarge", path, `it is larger than ${size}`);
}

/**
 * Writes and syncs a new file in the folder of `path`; only from there can it be moved into place in one step. Written by
 * root, it belongs to who owns the file at `path`, or the folder if there is none.
 *
 * @returns the path of the temporary file, which the caller moves or removes.
 */
export async function writeBeside(path: string, bytes: Uint8Array, mode: number): Promise<string> {
  const temporary = join(dirname(path), `.${basename(path)}.${hex(crypto.getRandomValues(new Uint8Array(8)))}.tmp`);
  const owner = await ownerFor(path);
  try {
    await withFile(temporary, { write: true, createNew: true, mode }, async (file) => {
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      await giveFile(file, temporary, owner);
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
