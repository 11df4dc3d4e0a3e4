/**
 * The frames of HTTP/2, read from a connection's bytes and written to them.
 *
 * A frame: length of the payload in three bytes · type · flags · stream in four bytes · payload (RFC 9113, section 4.1).
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { ConnectionError, type ErrorName, http2ErrorCodes } from "./errors.ts";

/** RFC 9113, section 6. A type that is not among them is passed over. */
export const frameTypes = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const satisfies Record<string, number>;

/** The flags of all types; a bit means what it means for its type. */
export const frameFlags = { ACK: 1, END_STREAM: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 32 } as const;

/** RFC 9113, section 6.5.2. */
export const settingIds = {
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
} as const;

/** One frame as it came. Its payload is `bytes` between `from` and `to`: a view of it holds the whole read in memory. */
export interface Http2Frame {
  readonly type: number;
  readonly flags: number;
  /** 0 for the connection itself. */
  readonly stream: number;
  readonly bytes: Buffer;
  readonly from: number;
  readonly to: number;
}

/** Bytes before a payload. */
export const frameHead = 9;

/** The largest payload where nothing is announced: the least bound that HTTP/2 allows, and ours. */
export const maxPayload = 16_384;

/** What a client sends first (RFC 9113, section 3.4). */
export const preface: Uint8Array = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

const none: Buffer = Buffer.alloc(0);

/** Cuts what a client sends into frames, wherever the reads have cut it. */
export class FrameSplitter {
  #bytes = none;
  #at = 0;
  #prefaceReceived = false;

  /** Takes one read, from which {@linkcode next} takes the frames. */
  add(read: Buffer): void {
    this.#bytes = this.#at === this.#bytes.length ? read : Buffer.concat([this.#bytes.subarray(this.#at), read]);
    this.#at = 0;
  }

  /**
   * The next frame; `undefined` if it has not come as a whole.
   *
   * @throws {ConnectionError} for another preface, and for a frame larger than {@linkcode maxPayload}.
   */
  next(): Http2Frame | undefined {
    if (!this.#prefaceReceived) this.#readPreface();
    const bytes = this.#bytes;
    const from = this.#at + frameHead;
    if (!this.#prefaceReceived || from > bytes.length) return this.#wait();
    const to = from + bytes.readUIntBE(this.#at, 3);
    if (to - from > maxPayload) throw new ConnectionError("FRAME_SIZE_ERROR", "A frame is too large.");
    if (to > bytes.length) return this.#wait();
    const [type = 0, flags = 0] = [bytes[this.#at + 3], bytes[this.#at + 4]];
    // The highest bit of a stream's number means nothing.
    const stream = bytes.readUInt32BE(this.#at + 5) & 0x7fff_ffff;
    this.#at = to;
    return { type, flags, stream, bytes, from, to };
  }

  /** A copy of what is no whole frame yet, at most one frame: a view would keep the whole read, and plaintext, in memory. */
  #wait(): undefined {
    this.#bytes = this.#at === this.#bytes.length ? none : Buffer.from(this.#bytes.subarray(this.#at));
    this.#at = 0;
  }

  #readPreface(): void {
    const length = Math.min(this.#bytes.length, preface.length);
    if (this.#bytes.compare(preface, 0, length, 0, length) !== 0) {
      throw new ConnectionError("PROTOCOL_ERROR", "The client does not speak HTTP/2.");
    }
    this.#prefaceReceived = length === preface.length;
    if (this.#prefaceReceived) this.#at = length;
  }
}

const minAllotted = 2048;

/** Frames on their way out, one behind the other in one piece. */
export class FrameWriter {
  readonly #onFilled: () => void;
  #bytes = none;
  #at = 0;

  /** @param onFilled called when the first frame since the last {@linkcode take} begins: soon there is something to take. */
  constructor(onFilled: () => void) {
    this.#onFilled = onFilled;
  }

  /** Takes all that was written since the last time; `undefined` where there is nothing. */
  take(): Buffer | undefined {
    if (this.#at === 0) return undefined;
    const written = this.#bytes.subarray(0, this.#at);
    this.#bytes = none;
    this.#at = 0;
    return written;
  }

  /** A frame whose payload is there already, or the part of it from `from` to `to`. */
  frame(
    type: keyof typeof frameTypes,
    flags: number,
    stream: number,
    payload: Uint8Array,
    from = 0,
    to = payload.length,
  ): void {
    this.#begin(type, flags, stream, to - from);
    this.#bytes.set(from === 0 && to === payload.length ? payload : payload.subarray(from, to), this.#at);
    this.#at += to - from;
  }

  /** A block of headers, in as many frames as it takes. */
  headers(stream: number, block: Uint8Array, endStream: boolean): void {
    const flags = endStream ? frameFlags.END_STREAM : 0;
    if (block.length <= maxPayload) return this.frame("HEADERS", flags | frameFlags.END_HEADERS, stream, block);
    this.frame("HEADERS", flags, stream, block, 0, maxPayload);
    for (let from = maxPayload; from < block.length; from += maxPayload) {
      const to = Math.min(block.length, from + maxPayload);
      this.frame("CONTINUATION", to === block.length ? frameFlags.END_HEADERS : 0, stream, block, from, to);
    }
  }

  /** Our own settings, by {@linkcode settingIds}. */
  settings(settings: readonly (readonly [id: number, value: number])[]): void {
    this.#begin("SETTINGS", 0, 0, settings.length * 6);
    for (const [id, value] of settings) {
      this.#at = this.#bytes.writeUInt16BE(id, this.#at);
      this.#uint32(value);
    }
  }

  /** Ends a stream. */
  resetStream(stream: number, code: ErrorName): void {
    this.#begin("RST_STREAM", 0, stream, 4);
    this.#uint32(http2ErrorCodes[code]);
  }

  /** Lets the client send so many bytes more; on stream 0, on all streams together. */
  windowUpdate(stream: number, increment: number): void {
    this.#begin("WINDOW_UPDATE", 0, stream, 4);
    this.#uint32(increment);
  }

  /** Says that no stream after `last` is answered, and why in words. */
  goAway(last: number, code: ErrorName, why = ""): void {
    const words = Buffer.from(why);
    this.#begin("GOAWAY", 0, 0, 8 + words.length);
    this.#uint32(last);
    this.#uint32(http2ErrorCodes[code]);
    this.#bytes.set(words, this.#at);
    this.#at += words.length;
  }

  #begin(type: keyof typeof frameTypes, flags: number, stream: number, length: number): void {
    if (this.#at === 0) this.#onFilled();
    this.#make(frameHead + length);
    this.#at = this.#bytes.writeUIntBE(length, this.#at, 3);
    this.#at = this.#bytes.writeUInt8(frameTypes[type], this.#at);
    this.#at = this.#bytes.writeUInt8(flags, this.#at);
    this.#uint32(stream);
  }

  #uint32(value: number): void {
    this.#at = this.#bytes.writeUInt32BE(value, this.#at);
  }

  #make(room: number): void {
    if (this.#at + room <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(minAllotted, 2 * this.#bytes.length, this.#at + room));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}
