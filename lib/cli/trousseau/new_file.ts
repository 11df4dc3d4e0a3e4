/**
 * A file that a command makes because an option names it. It never takes the place of another one.
 *
 * @module
 */
import { utf8 } from "../../base/bytes.ts";
import { KmsError } from "../../base/errors.ts";
import { whyUnwritable } from "../../base/file_failures.ts";

/** A new, empty file. If it is disposed of before it is written, it is removed. */
export class NewFile implements AsyncDisposable {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  #isWritten = false;

  private constructor(path: string, file: Deno.FsFile) {
    this.#path = path;
    this.#file = file;
  }

  /**
   * Makes the file, for its owner alone.
   *
   * @param instead the advice for a path where Trousseau may not write: half a sentence.
   * @throws {KmsError} `config` if it is there already or cannot be made.
   */
  static async make(path: string, instead: string): Promise<NewFile> {
    try {
      return new NewFile(path, await Deno.open(path, { write: true, createNew: true, mode: 0o600 }));
    } catch (thrown) {
      if (thrown instanceof Deno.errors.AlreadyExists) throw unwritable(path, "it is there already");
      if (!(thrown instanceof Deno.errors.NotCapable)) throw failed(path, thrown);
      throw unwritable(path, `Trousseau may write below /run, /var/run and /var/lib/trousseau only; ${instead}`);
    }
  }

  /** Writes all of it. @throws {KmsError} `config` */
  async write(text: string): Promise<void> {
    const bytes = utf8(text);
    try {
      for (let at = 0; at < bytes.length;) at += await this.#file.write(bytes.subarray(at));
      this.#isWritten = true;
    } catch (thrown) {
      throw failed(this.#path, thrown);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#file.close();
    if (!this.#isWritten) await Deno.remove(this.#path).catch(() => undefined);
  }
}

function failed(path: string, thrown: unknown): KmsError {
  return unwritable(path, whyUnwritable(thrown, path));
}

function unwritable(path: string, why: string): KmsError {
  return new KmsError("config", `Cannot write ${path}: ${why}.`);
}
