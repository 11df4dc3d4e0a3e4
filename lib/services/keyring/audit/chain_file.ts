/**
 * The file of an audit: opened to append, with checks that it is still the file that was opened and that no other program
 * writes it.
 *
 * @module
 */
import { constants, type Stats } from "node:fs";
import { type FileHandle, lstat, open } from "node:fs/promises";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { whyUnwritable } from "../../../base/file_failures.ts";
import { errnoOf } from "../../../base/system_failures.ts";
import { type ChainTail, chainTail, lastBytes, tailBytes } from "./chain_tail.ts";

/** The result of an append. */
export interface Appended {
  /** Number of bytes in the kernel. */
  readonly written: number;
  /** The failure after these bytes. */
  readonly failure?: KeyringError;
}

/** An open file. */
export class ChainFile {
  readonly path: string;
  readonly #file: FileHandle;
  /** Size that the file has if no other program has changed it. */
  #size: number;
  #unsynced = false;

  private constructor(path: string, file: FileHandle, size: number) {
    this.path = path;
    this.#file = file;
    this.#size = size;
  }

  /**
   * Opens a file, or creates it with the mode 0600.
   *
   * @throws {KeyringError} `audit_unavailable`
   */
  static async open(path: string): Promise<ChainFile> {
    const file = await opened(path);
    try {
      const info = await file.stat();
      if (!info.isFile()) throw unavailable(path, "it is no regular file; name one");
      // A reader by the group, for instance a log collector, is the administrator's choice.
      if ((info.mode & 0o022) !== 0) {
        throw unavailable(path, "others may write it; take that right away by `chmod go-w`");
      }
      return new ChainFile(path, file, info.size);
    } catch (thrown) {
      await file.close();
      throw asUnavailable(path, thrown);
    }
  }

  get size(): number {
    return this.#size;
  }

  /** Whether both are one file. */
  async isSame(other: ChainFile): Promise<boolean> {
    const [one, two] = await Promise.all([this.#file.stat(), other.#file.stat()]);
    return one.dev === two.dev && one.ino === two.ino;
  }

  /**
   * Finds its last line.
   *
   * @throws {KeyringError} `audit_unavailable` if its end is not that of an audit.
   */
  async tail(): Promise<ChainTail> {
    const tail = chainTail(await lastBytes(this.#file, this.#size, tailBytes));
    if (tail === undefined) {
      throw unavailable(this.path, "the file does not end as an audit does; move it away to begin another one");
    }
    return tail;
  }

  /** Appends bytes. It never throws. */
  async append(bytes: Uint8Array): Promise<Appended> {
    try {
      await this.#check();
    } catch (thrown) {
      return { written: 0, failure: asUnavailable(this.path, thrown) };
    }
    const before = this.#size;
    this.#unsynced = true;
    try {
      await this.#file.writeFile(bytes);
      this.#size += bytes.length;
      return { written: bytes.length };
    } catch (thrown) {
      this.#size = await this.#sizeAfterFailure(bytes.length);
      return { written: this.#size - before, failure: asUnavailable(this.path, thrown) };
    }
  }

  /** Cuts the file after a failed append. @returns whether it could. */
  async cut(size: number): Promise<boolean> {
    try {
      await this.#file.truncate(size);
      this.#size = size;
      return true;
    } catch {
      return false;
    }
  }

  /** Writes the content to the disk. @throws {KeyringError} `audit_unavailable` */
  async sync(): Promise<void> {
    if (!this.#unsynced) return;
    this.#unsynced = false; // A write during the call sets it again.
    try {
      await this.#file.datasync();
    } catch (thrown) {
      this.#unsynced = true;
      throw asUnavailable(this.path, thrown);
    }
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** A failed write can have written some of its bytes, and the runtime does not say how many. */
  async #sizeAfterFailure(bytes: number): Promise<number> {
    const { size } = await this.#file.stat().catch(() => ({ size: this.#size }));
    const isOurs = size >= this.#size && size <= this.#size + bytes;
    return isOurs ? size : this.#size;
  }

  async #check(): Promise<void> {
    const { nlink, size } = await this.#file.stat();
    if (nlink === 0) {
      throw unavailable(this.path, "the file was removed; put a copy in its place if there is one, then send SIGHUP");
    }
    if (size !== this.#size) {
      throw unavailable(
        this.path,
        "another program has changed it; stop that program, move the file away, then send SIGHUP",
      );
    }
  }
}

/** O_NONBLOCK: a FIFO in place of the file does not wait for a reader. */
const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK | constants.O_NOFOLLOW;

async function opened(path: string): Promise<FileHandle> {
  try {
    // Under limited permissions Deno resolves links before it opens a file, and O_NOFOLLOW finds none.
    if ((await linkStatus(path))?.isSymbolicLink()) throw isLink(path);
    return await open(path, flags, 0o600);
  } catch (thrown) {
    throw errnoOf(thrown) === "ELOOP" ? isLink(path) : asUnavailable(path, thrown);
  }
}

async function linkStatus(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
}

function isLink(path: string): KeyringError {
  return unavailable(path, "it is a symbolic link; name the file itself");
}

/** The error of an audit that cannot be written. @param why the end of a sentence, with the remedy. */
export function unavailable(path: string, why: string, cause?: unknown): KeyringError {
  const details = cause === undefined ? {} : { cause };
  return new KeyringError("audit_unavailable", `Cannot write the audit to ${JSON.stringify(path)}: ${why}.`, details);
}

function asUnavailable(path: string, thrown: unknown): KeyringError {
  return thrown instanceof KeyringError ? thrown : unavailable(path, whyUnwritable(thrown, path), thrown);
}
