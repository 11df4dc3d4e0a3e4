/**
 * Where lines go: a stream of this process, or a file that somebody else may rotate.
 *
 * @module
 */
import { KmsError } from "../base/errors.ts";
import { whyUnwritable } from "../base/file_failures.ts";
import { openOrCreate } from "../base/file_owner.ts";

/** Takes bytes in order. */
export interface LineTarget extends AsyncDisposable {
  /**
   * Makes ready for a write.
   *
   * @returns whether what follows goes to another file than before, so that a line cut in two must be begun again.
   */
  prepare(): Promise<boolean>;
  /** Writes some of the bytes and says how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/** A stream that stays open: `Deno.stdout` or `Deno.stderr`. */
export function streamTarget(stream: { write(bytes: Uint8Array): Promise<number> }): LineTarget {
  return {
    prepare: () => Promise.resolve(false),
    write: (bytes) => stream.write(bytes),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/**
 * A file to append to, made with mode 0600 where there is none; the mode of one that is there is left alone. Before
 * each write its path is looked at, and if that is another file now, or none, it is opened anew: rotation by `rename`
 * needs no signal.
 *
 * @throws {KmsError} `config` if it cannot be opened for writing.
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

/** A folder, a FIFO or a device stands at the path. */
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
  // The opening of a FIFO would wait until somebody reads from it.
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

/** Why the file could not be opened to be written, as the end of a sentence without its full stop. */
function whyNot(thrown: unknown, path: string): string {
  if (thrown instanceof NotRegularError) return "it is no regular file; name one, or stdout";
  if (thrown instanceof Deno.errors.NotFound) return "its folder does not exist; make it first";
  return whyUnwritable(thrown, path);
}
