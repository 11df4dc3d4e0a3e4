/**
 * Reads ranges of a file in large pieces.
 *
 * @module
 */
import { whyUnopened } from "../../base/file_failures.ts";
import { KmsError } from "../../base/errors.ts";
import { SnapshotError } from "./snapshot_error.ts";

/** Size of a piece in bytes, a multiple of every page size. */
const pieceBytes = 64 << 10;

/** Number of pieces that are kept. */
const keptPieces = 32;

/** An open file. */
export class PageSource implements Disposable {
  readonly path: string;
  /** Size of the file in bytes when it was opened. */
  readonly size: number;
  readonly #file: Deno.FsFile;
  /** Pieces by their number, the one that was used last at the end. */
  readonly #pieces = new Map<number, Uint8Array>();

  private constructor(path: string, file: Deno.FsFile, size: number) {
    this.path = path;
    this.#file = file;
    this.size = size;
  }

  /** @throws {KmsError} `config` if the file cannot be read, or is none. */
  static open(path: string): PageSource {
    let file: Deno.FsFile | undefined;
    try {
      file = Deno.openSync(path);
      const { size, isFile } = file.statSync();
      if (!isFile) throw new KmsError("config", `Cannot read ${path}: it is not a file.`);
      return new PageSource(path, file, size);
    } catch (thrown) {
      file?.close();
      if (thrown instanceof KmsError) throw thrown;
      throw new KmsError("config", `Cannot read ${path}: ${whyUnopened(thrown, path)}.`);
    }
  }

  /**
   * A range of the file. A view that stays valid.
   *
   * @throws {SnapshotError} if the file is shorter.
   */
  read(at: number, length: number): Uint8Array {
    if (at + length > this.size) throw this.#cutOff();
    const piece = Math.floor(at / pieceBytes);
    const from = at - piece * pieceBytes;
    if (from + length <= pieceBytes) return this.#piece(piece).subarray(from, from + length);
    return this.#readNow(at, length);
  }

  /** Reads a range into a buffer, whose length is that of the range. @throws as {@linkcode read}. */
  readInto(at: number, buffer: Uint8Array): void {
    if (at + buffer.length > this.size) throw this.#cutOff();
    this.#fill(at, buffer);
  }

  #cutOff(): SnapshotError {
    return new SnapshotError(`${this.path} is cut off at byte ${this.size}; take another copy.`);
  }

  #piece(index: number): Uint8Array {
    const known = this.#pieces.get(index);
    this.#pieces.delete(index);
    const at = index * pieceBytes;
    const piece = known ?? this.#readNow(at, Math.min(pieceBytes, this.size - at));
    this.#pieces.set(index, piece);
    for (const oldest of this.#pieces.keys()) {
      if (this.#pieces.size <= keptPieces) break;
      this.#pieces.delete(oldest);
    }
    return piece;
  }

  #readNow(at: number, length: number): Uint8Array {
    // No Buffer: its views take several times as long to make, and each element of a page is a view.
    const bytes = new Uint8Array(length);
    this.#fill(at, bytes);
    return bytes;
  }

  #fill(at: number, bytes: Uint8Array): void {
    try {
      this.#file.seekSync(at, Deno.SeekMode.Start);
      for (let done = 0; done < bytes.length;) {
        const count = this.#file.readSync(bytes.subarray(done));
        if (count === null) throw new SnapshotError(`${this.path} became shorter while it was read; use a copy of it.`);
        done += count;
      }
    } catch (thrown) {
      if (thrown instanceof SnapshotError) throw thrown;
      throw new KmsError("config", `Cannot read ${this.path}: ${whyUnopened(thrown, this.path)}.`);
    }
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}
