/**
 * Assembles header blocks, which can extend over several frames, and decodes them.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { ConnectionError } from "./errors.ts";
import type { Field } from "./fields.ts";
import { frameFlags, frameTypes, type Http2Frame } from "./frames.ts";
import { HpackReader, maxHeaderList } from "./hpack.ts";
import { blockPart } from "./payloads.ts";

/** A complete header block. */
export interface Headers {
  /** Stream identifier. */
  readonly stream: number;
  readonly fields: readonly Field[];
  /** Whether they end the request: the HEADERS frame had END_STREAM. */
  readonly endStream: boolean;
  /** Whether the priority in HEADERS names the stream itself, which is an error (RFC 7540, section 5.3.1). */
  readonly dependsOnItself: boolean;
}

interface PartialBlock extends Omit<Headers, "fields"> {
  /** A copy of the fragments so far. A view of a small fragment would retain the whole read in memory. */
  bytes: Buffer;
  size: number;
  frames: number;
}

/** Assembles and decodes the header blocks of one connection. */
export class HeaderBlocks {
  readonly #hpack = new HpackReader();
  #partial: PartialBlock | undefined;

  /**
   * Checks that only CONTINUATION of the same stream follows an incomplete block (RFC 9113, section 6.10).
   *
   * @throws {ConnectionError} `PROTOCOL_ERROR` otherwise.
   */
  check({ type, stream }: Http2Frame): void {
    const isContinuation = type === frameTypes.CONTINUATION;
    if (this.#partial === undefined ? !isContinuation : isContinuation && stream === this.#partial.stream) return;
    throw new ConnectionError("PROTOCOL_ERROR", "A block of headers is broken off, or goes on without a beginning.");
  }

  /**
   * Takes HEADERS or CONTINUATION.
   *
   * @returns the headers after the last frame of their block; `undefined` before.
   * @throws {ConnectionError} as {@linkcode HpackReader.read}; `ENHANCE_YOUR_CALM` if an incomplete block is too large.
   */
  add(frame: Http2Frame): Headers | undefined {
    const isLast = (frame.flags & frameFlags.END_HEADERS) !== 0;
    if (this.#partial !== undefined) return this.#continue(this.#partial, frame, isLast);
    const { from, to, dependsOnItself } = blockPart(frame);
    const { stream } = frame;
    const endStream = (frame.flags & frameFlags.END_STREAM) !== 0;
    if (isLast) return { stream, endStream, dependsOnItself, fields: this.#hpack.read(frame.bytes, from, to) };
    const bytes = Buffer.from(frame.bytes.subarray(from, to));
    this.#partial = { stream, endStream, dependsOnItself, bytes, size: to - from, frames: 0 };
    return undefined;
  }

  #continue(partial: PartialBlock, { bytes, from, to }: Http2Frame, isLast: boolean): Headers | undefined {
    const size = partial.size + to - from;
    // Each frame counts as one byte, so that the number of empty frames is limited too.
    if (size + ++partial.frames > maxHeaderList) {
      throw new ConnectionError("ENHANCE_YOUR_CALM", "The headers are too large.");
    }
    if (size > partial.bytes.length) partial.bytes = enlarged(partial.bytes, partial.size, size);
    bytes.copy(partial.bytes, partial.size, from, to);
    partial.size = size;
    if (!isLast) return undefined;
    this.#partial = undefined;
    const { stream, endStream, dependsOnItself } = partial;
    return { stream, endStream, dependsOnItself, fields: this.#hpack.read(partial.bytes, 0, size) };
  }
}

/** Allocates twice the needed size, so that a block of many small frames is not copied for each of them. */
function enlarged(bytes: Buffer, used: number, size: number): Buffer {
  const larger = Buffer.allocUnsafe(2 * size);
  bytes.copy(larger, 0, 0, used);
  return larger;
}
