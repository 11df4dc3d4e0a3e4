/**
 * Blocks of headers, which may come in several frames.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { ConnectionError } from "./errors.ts";
import type { Field } from "./fields.ts";
import { frameFlags, frameTypes, type Http2Frame } from "./frames.ts";
import { HpackReader, maxHeaderList } from "./hpack.ts";
import { blockPart } from "./payloads.ts";

/** Headers that have come as a whole. */
export interface Headers {
  readonly stream: number;
  readonly fields: readonly Field[];
  /** Whether nothing follows them on their stream. */
  readonly endStream: boolean;
  readonly dependsOnItself: boolean;
}

interface Begun extends Omit<Headers, "fields"> {
  /** A copy of what has come: a view would keep the whole read in memory, be the block ever so small. */
  bytes: Buffer;
  size: number;
  frames: number;
}

/** Puts the blocks of one connection together and reads them. */
export class HeaderBlocks {
  readonly #hpack = new HpackReader();
  #begun: Begun | undefined;

  /** @throws {ConnectionError} if a block has begun and this frame does not go on with it (RFC 9113, section 6.10). */
  check({ type, stream }: Http2Frame): void {
    const goesOn = type === frameTypes.CONTINUATION;
    if (this.#begun === undefined ? !goesOn : goesOn && stream === this.#begun.stream) return;
    throw new ConnectionError("PROTOCOL_ERROR", "A block of headers is broken off, or goes on without a beginning.");
  }

  /**
   * Takes HEADERS or CONTINUATION.
   *
   * @returns the headers, once their last frame has come.
   * @throws {ConnectionError} as {@linkcode HpackReader.read}; `ENHANCE_YOUR_CALM` for a block that does not end.
   */
  add(frame: Http2Frame): Headers | undefined {
    const isLast = (frame.flags & frameFlags.END_HEADERS) !== 0;
    if (this.#begun !== undefined) return this.#goOn(this.#begun, frame, isLast);
    const { from, to, dependsOnItself } = blockPart(frame);
    const endStream = (frame.flags & frameFlags.END_STREAM) !== 0;
    const about = { stream: frame.stream, endStream, dependsOnItself };
    if (isLast) return { ...about, fields: this.#hpack.read(frame.bytes, from, to) };
    this.#begun = { ...about, bytes: Buffer.from(frame.bytes.subarray(from, to)), size: to - from, frames: 0 };
    return undefined;
  }

  #goOn(begun: Begun, { bytes, from, to }: Http2Frame, isLast: boolean): Headers | undefined {
    const size = begun.size + to - from;
    // A frame counts even if it is empty: there may not be any number of them.
    if (size + ++begun.frames > maxHeaderList) {
      throw new ConnectionError("ENHANCE_YOUR_CALM", "The headers are too large.");
    }
    if (size > begun.bytes.length) begun.bytes = enlarged(begun.bytes, begun.size, size);
    bytes.copy(begun.bytes, begun.size, from, to);
    begun.size = size;
    if (!isLast) return undefined;
    this.#begun = undefined;
    const { stream, endStream, dependsOnItself } = begun;
    return { stream, endStream, dependsOnItself, fields: this.#hpack.read(begun.bytes, 0, size) };
  }
}

/** Room for `size` bytes and as many again, so that a block in tiny frames is not copied for each of them. */
function enlarged(bytes: Buffer, used: number, size: number): Buffer {
  const larger = Buffer.allocUnsafe(2 * size);
  bytes.copy(larger, 0, 0, used);
  return larger;
}
