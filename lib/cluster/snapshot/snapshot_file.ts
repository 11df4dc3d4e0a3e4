/**
 * A file of `etcdctl snapshot save`, or a copy of the database of a member.
 *
 * `snapshot save` writes the database and its SHA-256. The size of a database is a multiple of 512 bytes, so 32 bytes more
 * are that hash. Source: `client/v3/snapshot` of go.etcd.io/etcd 3.6.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { setImmediate } from "node:timers";
import { equalBytes } from "../../base/bytes.ts";
import { BoltFile } from "./bolt_file.ts";
import { PageSource } from "./page_source.ts";
import { SnapshotError } from "./snapshot_error.ts";

const hashLength = 32;

/** Every database is a multiple of it, in bytes. */
const blockLength = 512;

/** Size of the pieces that are hashed, in bytes: one stays in the cache of a processor. */
const pieceLength = 256 << 10;

/** Bytes between two looks at the signal. */
const turnBytes = 16 << 20;

/** Options of {@linkcode SnapshotFile.open}. */
export interface SnapshotFileOptions {
  readonly signal: AbortSignal;
  /** Called now and then. @param bytes how many are hashed. */
  readonly onHashed?: (bytes: number, of: number) => void;
}

/** An open snapshot. */
export class SnapshotFile implements Disposable {
  readonly #source: PageSource;
  readonly file: BoltFile;
  /** `verified`: the SHA-256 at the end fits. `none`: a copy of a database, which has none. */
  readonly checksum: "verified" | "none";
  /** Size of the database in bytes. */
  readonly size: number;

  private constructor(source: PageSource, file: BoltFile, checksum: SnapshotFile["checksum"], size: number) {
    this.#source = source;
    this.file = file;
    this.checksum = checksum;
    this.size = size;
  }

  /**
   * Opens a file, and checks its SHA-256 first.
   *
   * @throws {SnapshotError} if the file is no intact snapshot; {@linkcode KmsError} `config` if it cannot be read.
   */
  static async open(path: string, options: SnapshotFileOptions): Promise<SnapshotFile> {
    const source = PageSource.open(path);
    try {
      const excess = source.size % blockLength;
      if (source.size === 0) throw new SnapshotError(`${path} is empty; take another copy.`);
      if (excess !== 0 && excess !== hashLength) {
        throw new SnapshotError(
          `${path} is no intact snapshot: ${source.size} bytes are neither a database of etcd nor one with its ` +
            "SHA-256; take another copy.",
        );
      }
      const size = source.size - excess;
      if (excess !== 0) await checkHash(source, size, options);
      return new SnapshotFile(source, BoltFile.open(source, size), excess === 0 ? "none" : "verified", size);
    } catch (thrown) {
      source[Symbol.dispose]();
      throw thrown;
    }
  }

  /** Reads a range of the file into a buffer, for pages that belong to no tree. */
  readInto(at: number, buffer: Uint8Array): void {
    this.#source.readInto(at, buffer);
  }

  [Symbol.dispose](): void {
    this.#source[Symbol.dispose]();
  }
}

async function checkHash(source: PageSource, size: number, { signal, onHashed }: SnapshotFileOptions): Promise<void> {
  const hash = createHash("sha256");
  const [piece, written] = [new Uint8Array(pieceLength), new Uint8Array(hashLength)];
  for (let at = 0; at < size; at += pieceLength) {
    const part = piece.subarray(0, Math.min(pieceLength, size - at));
    source.readInto(at, part);
    hash.update(part);
    if (at % turnBytes !== 0) continue;
    onHashed?.(at, size);
    await new Promise<void>((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
  }
  source.readInto(size, written);
  if (!equalBytes(hash.digest(), written)) {
    throw new SnapshotError(
      `${source.path} is no intact snapshot: its content does not have the SHA-256 at its end; take another copy.`,
    );
  }
}
