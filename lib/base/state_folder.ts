/**
 * Tests whether the state folder can be written, so that a full disk is reported before the next key ID needs it.
 *
 * @module
 */
import { type Clock, WallTimes } from "./clock.ts";
import { writeBeside } from "./durable_file.ts";
import { toKmsError } from "./errors.ts";
import type { Notify } from "../telemetry/events.ts";
import { whyUnwritable } from "./file_failures.ts";

/** Milliseconds. `hangs` is more than a slow disk needs for one small file. */
const timings = { every: 60_000, hangs: 10_000 } as const;

/** Bytes. The test file is as large as the folder's largest JSON file, since a file is replaced by a new one beside it. */
const tried = { least: 4096, most: 1024 * 1024 } as const;

/** After so many good tries in a row, an earlier failure to write a file no longer counts. */
const forgetAfter = 2;

/** Whether the folder can be written. */
export interface StateFolderStatus {
  readonly writable: boolean;
  /** Since when, in milliseconds since the epoch. */
  readonly since: number;
  /** Why not, in sentences; `""` if it is. */
  readonly message: string;
}

/**
 * Writes a file of random name into a folder, syncs it and removes it again.
 *
 * @param write {@linkcode writeBeside}; another one for tests.
 * @returns why that failed, as the end of a sentence without its full stop; `undefined` if it did not.
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
  let size: number = tried.least;
  for await (const { name, isFile } of Deno.readDir(folder)) {
    const found = isFile && name.endsWith(".json")
      ? await Deno.lstat(`${folder}/${name}`).catch(() => undefined)
      : undefined;
    size = Math.min(Math.max(size, found?.size ?? 0), tried.most);
  }
  return size;
}

/** The parts of a watch. */
export interface StateFolderWatchOptions {
  readonly folder: string;
  readonly clock: Clock;
  readonly notify: Notify;
  /** {@linkcode whyFolderUnwritable}; another one for tests. */
  readonly look?: (folder: string) => Promise<string | undefined>;
}

/** Tries once a minute, and whenever a write shows that the folder has changed, until it is disposed of. */
export class StateFolderWatch implements AsyncDisposable {
  readonly #options: StateFolderWatchOptions;
  readonly #times: WallTimes;
  readonly #closing = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** Files that could not be written, while the folder perhaps could, and how many tries were good since. */
  readonly #failures = new Map<string, { readonly message: string; goodLooks: number }>();
  #why: string | undefined;
  #told = "";
  /** On the monotonic clock. */
  #since: number;
  #looking: { readonly since: number; readonly done: Promise<void> } | undefined;

  constructor(options: StateFolderWatchOptions) {
    this.#options = options;
    this.#times = new WallTimes(options.clock);
    this.#since = options.clock.now();
  }

  /** Tries from now on. To be called once the folder has been made. */
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

  /** Takes note of how a write of one of the folder's files ends, and hands its end on. */
  async watched<T>(file: string, write: Promise<T>): Promise<T> {
    try {
      const written = await write;
      if (this.#failures.delete(file)) this.#tell();
      if (this.#why !== undefined) this.#look();
      return written;
    } catch (thrown) {
      this.#failures.set(file, { message: toKmsError(thrown).message, goodLooks: 0 });
      this.#look();
      throw thrown;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#running;
    // A write that hangs in the kernel is not waited for.
    if (this.#hangsSince() === undefined) await this.#looking?.done;
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#look();
      await this.#options.clock.sleep(timings.every, signal);
    }
  }

  #look(): void {
    if (this.#looking !== undefined) return;
    const done = this.#lookOnce().finally(() => this.#looking = undefined);
    this.#looking = { since: this.#options.clock.now(), done };
  }

  async #lookOnce(): Promise<void> {
    const { look = whyFolderUnwritable, folder } = this.#options;
    this.#why = await look(folder);
    if (this.#why === undefined) {
      for (const [file, failure] of this.#failures) {
        if (++failure.goodLooks > forgetAfter) this.#failures.delete(file);
      }
    }
    this.#tell();
  }

  #hangsSince(): number | undefined {
    const since = this.#looking?.since ?? Infinity;
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

  #tell(): void {
    const message = this.#message();
    if (message === this.#told) return;
    if ((message === "") !== (this.#told === "")) this.#since = this.#options.clock.now();
    this.#told = message;
    this.#options.notify({ type: "state_folder", writable: message === "", message });
  }
}

const consequence =
  "Encrypt and Decrypt go on; a new key ID, as after a rotation, is not announced until it can be written.";
