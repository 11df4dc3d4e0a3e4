/**
 * A tar archive of manifests, written as it grows.
 *
 * @module
 */
import { packTar } from "modern-tar";
import { concat, utf8 } from "../../base/bytes.ts";
import type { ByteOutput } from "./byte_output.ts";

/** The same for every file, so that equal objects give equal archives: readable by their owner alone, and of 1970. */
const header = { type: "file", mode: 0o600, uid: 0, gid: 0, mtime: new Date(0) } as const;

/** Bytes of the two blocks of zeros at the end of an archive. */
const endLength = 1_024;

/** Fewer than the 512 bytes of a block. */
const heldLength = 256;

/**
 * Writes an archive. A tar program takes one that ends between two files for whole, also without the blocks at the end: so
 * the last bytes of each file are written together with the next one. Without {@linkcode finish} the archive ends within a
 * file, and a tar program reports it.
 */
export class ManifestArchive {
  readonly #output: ByteOutput;
  #held: Uint8Array = new Uint8Array(0);

  constructor(output: ByteOutput) {
    this.#output = output;
  }

  /** Adds a file. @param text not empty. @throws what the output threw. */
  async add(path: string, text: string): Promise<void> {
    const body = utf8(text);
    const packed = await packTar([{ header: { ...header, name: path, size: body.length }, body }]);
    const held = packed.length - endLength - heldLength;
    this.#output.write(concat(this.#held, packed.subarray(0, held)));
    this.#held = packed.slice(held, held + heldLength);
  }

  /** Ends the archive. @throws what the output threw. */
  finish(): void {
    this.#output.write(concat(this.#held, new Uint8Array(endLength)));
    this.#held = new Uint8Array(0);
  }
}
