/**
 * Tests whether the state folder can be written, so that a full disk is reported before the next key ID needs it.
 *
 * @module
 */
import { type Clock, WallTimes } from "./clock.ts";
import { writeBeside } from "./durable_file.ts";
import { toKmsError } from "./errors.ts";
import { whyUnwritable } from "./file_failures.ts";

/** Milliseconds between two tests, and after which a test counts as hanging: a slow disk needs less for a small file. */
const timings = { every: 60_000, hangs: 10_000 } as const;

/** Bytes. The test file is as large as the folder's largest JSON file, since a file is replaced by a new one beside it. */
const testSize = { min: 4096, max: 1024 * 1024 } as const;

/** Successful tests in a row after which an earlier failure to write one file no longer counts. */
const forgetAfter = 2;

/** Whether the folder can be written. */
export interface StateFolderStatus {
  readonly writable: boolean;
  /** When `writable` changed last, in milliseconds since the epoch. */
  readonly since: number;
  /** Why it is not writable, in sentences; `""` if it is. */
  readonly message: string;
}

/**
 * Writes a file of random name into a folder, syncs it and removes it again.
 *
 * @param write {@linkcode writeBeside}; another one for tests.
 * @returns the reason of a failure, as the end of a sentence without its full stop; `undefined` after a success.
 */
export async function whyFolderUnwritable(folder: string, write = writeBeside): Promise<string | undefined> {
  try {
    const bytes = new Uint8Array(await sizeToTry(folder));
    await Deno.remove(await write(`${folder}/write-test`, bytes, 0o600));
    return undefined;
  } catch (thrown) {
    return whyUnwritable(thrown, `${folder}/write-test`);
  }
}

async function sizeToTry(folder: string): Promise<number> {
  let size: number = testSize.min;
  for await (const { name, isFile } of Deno.readDir(folder)) {
    const found = isFile && name.endsWith(".json")
      ? await Deno.lstat(`${folder}/${name}`).catch(() => undefined)
      : undefined;
    size = Math.min(Math.max(size, found?.size ?? 0), testSize.max);
  }
  return size;
}

/** Options of {@linkcode StateFolderWatch}. */
export interface StateFolderWatchOptions {
  readonly folder: string;
  readonly clock: Clock;
  /** Called when the folder becomes writable or unwritable, and when the reason changes; `""` if it is writable. */
  readonly onChange: (message: string) => void;
  /** {@linkcode whyFolderUnwritable}; another one for tests. */
  readonly look?: (folder: string) => Promise<string | undefined>;
}

/** Tests the folder once a minute, and after each write whose result differs from the last test, until it is disposed. */
export class StateFolderWatch implements AsyncDisposable {
  readonly #options: StateFolderWatchOptions;
  readonly #times: WallTimes;
  readonly #closing = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** Failed writes by file, and how many tests of the folder succeeded since. */
  readonly #failures = new Map<string, { readonly message: string; successes: number }>();
  #why: string | undefined;
  #reported = "";
  /** On the monotonic clock. */
  #since: number;
  #testing: { readonly since: number; readonly done: Promise<void> } | undefined;

  constructor(options: StateFolderWatchOptions) {
    this.#options = options;
    this.#times = new WallTimes(options.clock);
    this.#since = options.clock.now();
  }

  /** Starts the tests. The folder must exist. */
  start(): void {
    this.#running = this.#run(this.#closing.signal);
  }

  /** The status, from memory. */
  status(): StateFolderStatus {
    const hangs = this.#hangsSince();
    if (hangs !== undefined) {
      return {
        writable: false,
        since: this.#times.of(hangs),
        message: this.#sentence("a write does not come to its end"),
      };
    }
    const message = this.#message();
    return { writable: message === "", since: this.#times.of(this.#since), message };
  }

  /** Records the result of a write to one of the folder's files, and returns or throws it. */
  async watched<T>(file: string, write: Promise<T>): Promise<T> {
    try {
      const written = await write;
      if (this.#failures.delete(file)) this.#report();
      if (this.#why !== undefined) this.#test();
      return written;
    } catch (thrown) {
      this.#failures.set(file, { message: toKmsError(thrown).message, successes: 0 });
      this.#test();
      throw thrown;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
    // A write that hangs in the kernel may never end.
    if (this.#hangsSince() === undefined) await this.#testing?.done;
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#test();
      await this.#options.clock.sleep(timings.every, signal);
    }
  }

  #test(): void {
    if (this.#testing !== undefined) return;
    const done = this.#testOnce().finally(() => this.#testing = undefined);
    this.#testing = { since: this.#options.clock.now(), done };
  }

  async #testOnce(): Promise<void> {
    const { look = whyFolderUnwritable, folder } = this.#options;
    this.#why = await look(folder);
    if (this.#why === undefined) {
      for (const [file, failure] of this.#failures) {
        if (++failure.successes > forgetAfter) this.#failures.delete(file);
      }
    }
    this.#report();
  }

  #hangsSince(): number | undefined {
    const since = this.#testing?.since ?? Infinity;
    return this.#options.clock.now() - since >= timings.hangs ? since : undefined;
  }

  #message(): string {
    if (this.#why !== undefined) return this.#sentence(this.#why);
    const [failure] = this.#failures.values();
    return failure === undefined ? "" : `${failure.message} ${consequence}`;
  }

  #sentence(why: string): string {
    return `Cannot write to the state folder ${this.#options.folder}: ${why}. ${consequence}`;
  }

  #report(): void {
    const message = this.#message();
    if (message === this.#reported) return;
    if ((message === "") !== (this.#reported === "")) this.#since = this.#options.clock.now();
    this.#reported = message;
    this.#options.onChange(message);
  }
}

const consequence =
  "Encrypt and Decrypt go on; a new key ID, as after a rotation, is not announced until it can be written.";
