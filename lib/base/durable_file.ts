/**
 * Files that survive a power failure: written to a temporary file, synced, then renamed in one step.
 *
 * @module
 */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { hex } from "./bytes.ts";
import { whyUnopened } from "./file_failures.ts";
import { ownerFor, setOwner } from "./file_owner.ts";
import { errnoOf, isRefusal } from "./system_failures.ts";

/** Opens a file, calls `work` and closes the file, also after an error. */
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

/** The error for a path that is not a regular file of limited size, or fails a further check. `name` is the reason. */
export class FileRefusedError extends Error {
  /** The reason as the end of a sentence about the file, without its full stop. */
  readonly why: string;

  constructor(
    override readonly name: "NotARegularFile" | "TooLarge" | "WritableByOthers" | "ReadableByOthers" | "NoSecret",
    path: string,
    why: string,
  ) {
    super(`${path}: ${name}`);
    this.why = why;
  }
}

/**
 * Reads a regular file completely; symbolic links are followed. All other kinds of files are refused before they are
 * opened: opening a FIFO waits for a writer, and opening a device can have any effect.
 *
 * @param maxBytes maximum size in bytes; not more is read.
 * @param refuse examines the open file before it is read, and returns an error to refuse it.
 * @throws {FileRefusedError} if the file is of another kind, too large or refused.
 * @throws {Deno.errors.NotFound | Deno.errors.PermissionDenied | Deno.errors.NotCapable} as `Deno.stat` and `Deno.open`
 *   do.
 */
export async function readRegularFile(
  path: string,
  maxBytes: number,
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
    const bytes = await readBounded(file, info.size, maxBytes);
    if (bytes === undefined) throw tooLarge(path, maxBytes);
    return bytes;
  } finally {
    await file.close();
  }
}

/**
 * The reason why {@linkcode readRegularFile} failed, as the end of a sentence without its full stop; with the remedy if
 * this user must not read the file. It contains nothing of the file's content.
 */
export function whyUnreadable(thrown: unknown, path: string): string {
  return thrown instanceof FileRefusedError ? thrown.why : whyUnopened(thrown, path);
}

/** O_NONBLOCK: if the file was replaced by a FIFO since `Deno.stat`, opening it does not wait for a writer. */
async function openForReading(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") throw new Deno.errors.NotFound(path, { cause: thrown });
    if (isRefusal(thrown)) throw new Deno.errors.PermissionDenied(path, { cause: thrown });
    throw thrown;
  }
}

/** The content of an open file; `undefined` if it is larger than `maxBytes`. The file can grow during the reading. */
async function readBounded(file: FileHandle, size: number, maxBytes: number): Promise<Uint8Array | undefined> {
  let bytes = new Uint8Array(Math.min(size, maxBytes) + 1);
  for (let length = 0;;) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length);
    length += bytesRead;
    if (length > maxBytes) return undefined;
    if (bytesRead === 0) return bytes.subarray(0, length);
    if (length < bytes.length) continue;
    const larger = new Uint8Array(Math.min(2 * length, maxBytes + 1));
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
 * Writes and syncs a new file in the folder of `path`. The same folder is necessary for an atomic rename. A file
 * written by root gets the owner of the file at `path`, or of the folder if there is none.
 *
 * @param mode mode bits of the new file
 * @returns the path of the temporary file, which the caller must rename or remove.
 */
export async function writeBeside(path: string, bytes: Uint8Array, mode: number): Promise<string> {
  const temporary = join(dirname(path), `.${basename(path)}.${hex(crypto.getRandomValues(new Uint8Array(8)))}.tmp`);
  const owner = await ownerFor(path);
  try {
    await withFile(temporary, { write: true, createNew: true, mode }, async (file) => {
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      await setOwner(file, temporary, owner);
      await file.sync();
    });
    return temporary;
  } catch (error) {
    await Deno.remove(temporary).catch(() => undefined);
    throw error;
  }
}

/**
 * Replaces or creates a file in one step. After a crash either the old or the new content is there, never a mixture.
 *
 * @param mode mode bits of the file
 */
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

/** Syncs the folder of `path`. A new directory entry is durable only after its folder was synced. */
export async function syncFolderOf(path: string): Promise<void> {
  await withFile(dirname(path), { read: true }, (folder) => folder.sync());
}
