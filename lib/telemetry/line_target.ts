/**
 * The targets of lines: a stream of this process, or a file that can be rotated.
 *
 * @module
 */
import { KmsError } from "../base/errors.ts";
import { whyUnwritable } from "../base/file_failures.ts";
import { openOrCreate } from "../base/file_owner.ts";

/** A target that receives bytes in order. */
export interface LineTarget extends AsyncDisposable {
  /**
   * Prepares a write.
   *
   * @returns whether the file has changed. A line that was written in part must then be written again from its start.
   */
  prepare(): Promise<boolean>;
  /** Writes some of the bytes. @returns the number of bytes written. */
  write(bytes: Uint8Array): Promise<number>;
}

/** A target over `Deno.stdout` or `Deno.stderr`. Closing the target leaves the stream open. */
export function streamTarget(stream: { write(bytes: Uint8Array): Promise<number> }): LineTarget {
  return {
    prepare: () => Promise.resolve(false),
    write: (bytes) => stream.write(bytes),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/**
 * Opens a file to append to. A new file gets mode 0600; the mode of an existing file is not changed. Before each write,
 * the file is opened again if its path now leads to another file or to none, so that rotation by `rename` needs no signal.
 *
 * @throws {KmsError} `config` if the file cannot be opened for writing.
 */
export async function openFileTarget(path: string): Promise<LineTarget> {
  try {
    return new FileTarget(path, await openFile(path));
  } catch (cause) {
    throw new KmsError("config", `Cannot write the audit stream to ${JSON.stringify(path)}: ${whyNot(cause, path)}.`, {
      cause,
    });
  }
}

/** The file at the path is a FIFO, a device or a socket. */
class NotRegularError extends Error {
  override readonly name = "NotRegularError";
}

interface OpenFile {
  readonly file: Deno.FsFile;
  readonly inode: string;
}

class FileTarget implements LineTarget {
  readonly #path: string;
  #open: OpenFile;

  constructor(path: string, open: OpenFile) {
    this.#path = path;
    this.#open = open;
  }

  async prepare(): Promise<boolean> {
    if (await inodeAt(this.#path) === this.#open.inode) return false;
    const next = await openFile(this.#path);
    this.#open.file.close();
    this.#open = next;
    return true;
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#open.file.write(bytes);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#open.file.close();
    return Promise.resolve();
  }
}

async function openFile(path: string): Promise<OpenFile> {
  // Opening a FIFO would wait for a reader.
  const found = await infoAt(path);
  if (found !== undefined && !found.isFile && !found.isDirectory) throw new NotRegularError();
  const file = await openOrCreate(path, { append: true, mode: 0o600 });
  try {
    return { file, inode: inode(await file.stat()) };
  } catch (thrown) {
    file.close();
    throw thrown;
  }
}

async function inodeAt(path: string): Promise<string | undefined> {
  const info = await infoAt(path);
  return info && inode(info);
}

async function infoAt(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return undefined;
    throw thrown;
  }
}

function inode(info: Deno.FileInfo): string {
  return `${info.dev}:${info.ino}`;
}

/** The reason why the file cannot be opened for writing, as the end of a sentence without its full stop. */
function whyNot(thrown: unknown, path: string): string {
  if (thrown instanceof NotRegularError) return "it is no regular file; name one, or stdout";
  if (thrown instanceof Deno.errors.NotFound) return "its folder does not exist; make it first";
  return whyUnwritable(thrown, path);
}
