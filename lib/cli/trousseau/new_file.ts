/**
 * A file that a command creates because an option names it. It never replaces an existing file.
 *
 * @module
 */
import { utf8 } from "../../base/bytes.ts";
import { KmsError } from "../../base/errors.ts";
import { whyUnwritable } from "../../base/file_failures.ts";

/** A new, empty file. It is removed if it is disposed of before it is written. */
export class NewFile implements AsyncDisposable {
  readonly #path: string;
  readonly #file: Deno.FsFile;
  #isWritten = false;

  private constructor(path: string, file: Deno.FsFile) {
    this.#path = path;
    this.#file = file;
  }

  /**
   * Creates the file with access for its owner only.
   *
   * @param instead the advice for a path where Trousseau may not write, as the end of a sentence.
   * @throws {KmsError} `config` if the file exists or cannot be created.
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

  /** Writes the whole text. @throws {KmsError} `config` */
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
