/**
 * Reads ranges of a file in large pieces.
 *
 * The memory of the pieces is used again and again: V8 frees memory outside of its heap later than a scan takes new one.
 * Therefore a range is lent, and given back. When its memory is used again, the arrays of the range become empty, so that
 * an array that is kept too long never shows other bytes of the file.
 *
 * @module
 */
import { whyUnopened } from "../../base/file_failures.ts";
import { KmsError } from "../../base/errors.ts";
import { SnapshotError } from "./snapshot_error.ts";

/** Size of a piece in bytes, a multiple of every page size. */
const pieceBytes = 64 << 10;

/** Number of pieces that are kept. */
const keptPieces = 16;

/** A range of a file. Its array, and all views of it, are valid until it is given back. */
export class LentRange implements Disposable {
  readonly bytes: Uint8Array;
  readonly #piece: Piece;

  constructor(bytes: Uint8Array, piece: Piece) {
    this.bytes = bytes;
    this.#piece = piece;
    piece.lend();
  }

  /** Gives the range back. To be called once. */
  [Symbol.dispose](): void {
    this.#piece.giveBack();
  }
}

/** A part of the file in memory. */
class Piece {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #isKept: boolean;
  #lent = 0;

  /** @param isKept whether the source has it still when it is given back. */
  constructor(bytes: Uint8Array<ArrayBuffer>, isKept: boolean) {
    this.bytes = bytes;
    this.#isKept = isKept;
  }

  get isLent(): boolean {
    return this.#lent > 0;
  }

  lend(): void {
    this.#lent++;
  }

  giveBack(): void {
    this.#lent--;
    if (!this.#isKept) this.takeMemory(0);
  }

  /** Takes the memory away: all arrays of it are empty from then on. @param length of it that is used again. */
  takeMemory(length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.bytes.buffer.transfer(length));
  }
}

/** An open file. */
export class PageSource implements Disposable {
  readonly path: string;
  /** Size of the file in bytes when it was opened. */
  readonly size: number;
  readonly #file: Deno.FsFile;
  /** Pieces by their number, in the order in which they were used. */
  readonly #pieces = new Map<number, Piece>();
  /** The number of the piece that was used last. */
  #latest = -1;

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
   * Lends a range of the file.
   *
   * @throws {SnapshotError} if the file is shorter.
   */
  lend(at: number, length: number): LentRange {
    if (at + length > this.size) throw this.#cutOff();
    const index = Math.floor(at / pieceBytes);
    const from = at - index * pieceBytes;
    if (from + length > pieceBytes) {
      const alone = this.#readNow(at, new Uint8Array(length));
      return new LentRange(alone, new Piece(alone, false));
    }
    const piece = this.#piece(index);
    return new LentRange(piece.bytes.subarray(from, from + length), piece);
  }

  /** Reads a range into a buffer, whose length is that of the range. @throws as {@linkcode lend}. */
  readInto(at: number, buffer: Uint8Array): void {
    if (at + buffer.length > this.size) throw this.#cutOff();
    this.#readNow(at, buffer);
  }

  #cutOff(): SnapshotError {
    return new SnapshotError(`${this.path} is cut off at byte ${this.size}; take another copy.`);
  }

  #piece(index: number): Piece {
    const known = this.#pieces.get(index);
    if (known !== undefined && index === this.#latest) return known;
    this.#pieces.delete(index);
    const piece = known ?? this.#newPiece(index);
    this.#pieces.set(index, piece);
    this.#latest = index;
    return piece;
  }

  #newPiece(index: number): Piece {
    const at = index * pieceBytes;
    const bytes = this.#memory().subarray(0, Math.min(pieceBytes, this.size - at));
    return new Piece(this.#readNow(at, bytes), true);
  }

  /** Memory of a piece: that of the one that was not used for the longest time and is not lent. */
  #memory(): Uint8Array<ArrayBuffer> {
    if (this.#pieces.size >= keptPieces) {
      for (const [index, piece] of this.#pieces) {
        if (piece.isLent) continue;
        this.#pieces.delete(index);
        return piece.takeMemory(pieceBytes);
      }
    }
    return new Uint8Array(pieceBytes);
  }

  #readNow<Bytes extends Uint8Array>(at: number, bytes: Bytes): Bytes {
    try {
      this.#file.seekSync(at, Deno.SeekMode.Start);
      for (let done = 0; done < bytes.length;) {
        const count = this.#file.readSync(bytes.subarray(done));
        if (count === null) throw new SnapshotError(`${this.path} became shorter while it was read; use a copy of it.`);
        done += count;
      }
      return bytes;
    } catch (thrown) {
      if (thrown instanceof SnapshotError) throw thrown;
      throw new KmsError("config", `Cannot read ${this.path}: ${whyUnopened(thrown, this.path)}.`);
    }
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}
