/**
 * Reads and writes the frames of HTTP/2.
 *
 * Layout of a frame: length of the payload in three bytes · type · flags · stream in four bytes · payload (RFC 9113,
 * section 4.1).
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { ConnectionError, type ErrorName, http2ErrorCodes } from "./errors.ts";

/** Frame types (RFC 9113, section 6). Unknown types are ignored (section 4.1). */
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

/** Flags of all frame types. ACK and END_STREAM share a bit; the frame's type decides. */
export const frameFlags = { ACK: 1, END_STREAM: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 32 } as const;

/** Identifiers of settings (RFC 9113, section 6.5.2). */
export const settingIds = {
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
} as const;

/**
 * A received frame. Its payload is `bytes` between `from` and `to`. A view of `bytes` retains the whole read in memory.
 */
export interface Http2Frame {
  /** A number of {@linkcode frameTypes}, or an unknown type. */
  readonly type: number;
  /** A combination of {@linkcode frameFlags}. */
  readonly flags: number;
  /** Stream identifier; 0 for the connection. */
  readonly stream: number;
  readonly bytes: Buffer;
  /** Offset of the first byte of the payload. */
  readonly from: number;
  /** Offset after the last byte of the payload. */
  readonly to: number;
}

/** Length of a frame header in bytes. */
export const frameHead = 9;

/**
 * Largest payload in bytes without a SETTINGS_MAX_FRAME_SIZE: the smallest limit that HTTP/2 permits. This server keeps
 * it.
 */
export const maxPayload = 16_384;

/** The connection preface, which a client sends first (RFC 9113, section 3.4). */
export const preface: Uint8Array = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

const none: Buffer = Buffer.alloc(0);

/** Splits received bytes into frames, independent of the boundaries of the reads. */
export class FrameSplitter {
  #bytes = none;
  #at = 0;
  #prefaceReceived = false;

  /** Takes the bytes of one read. {@linkcode next} returns their frames. */
  add(read: Buffer): void {
    this.#bytes = this.#at === this.#bytes.length ? read : Buffer.concat([this.#bytes.subarray(this.#at), read]);
    this.#at = 0;
  }

  /**
   * The next frame; `undefined` if it is incomplete.
   *
   * @throws {ConnectionError} `PROTOCOL_ERROR` for a wrong preface; `FRAME_SIZE_ERROR` for a payload larger than
   *   {@linkcode maxPayload}.
   */
  next(): Http2Frame | undefined {
    if (!this.#prefaceReceived) this.#readPreface();
    const bytes = this.#bytes;
    const from = this.#at + frameHead;
    if (!this.#prefaceReceived || from > bytes.length) return this.#wait();
    const at = this.#at;
    const to = from + ((bytes[at] as number) << 16 | (bytes[at + 1] as number) << 8 | bytes[at + 2] as number);
    if (to - from > maxPayload) throw new ConnectionError("FRAME_SIZE_ERROR", "A frame is too large.");
    if (to > bytes.length) return this.#wait();
    // The highest bit of the stream is reserved and ignored (RFC 9113, section 4.1).
    const stream = bytes.readUInt32BE(at + 5) & 0x7fff_ffff;
    this.#at = to;
    return { type: bytes[at + 3] as number, flags: bytes[at + 4] as number, stream, bytes, from, to };
  }

  /** Keeps a copy of the incomplete frame. A view would retain the whole read, with plaintext, in memory. */
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

/** Collects outgoing frames in one buffer. */
export class FrameWriter {
  readonly #onFilled: () => void;
  #bytes = none;
  #at = 0;

  /** @param onFilled called when the first frame after the last {@linkcode take} is begun. */
  constructor(onFilled: () => void) {
    this.#onFilled = onFilled;
  }

  /** The frames that were written since the last call; `undefined` if there are none. */
  take(): Buffer | undefined {
    if (this.#at === 0) return undefined;
    const written = this.#bytes.subarray(0, this.#at);
    this.#bytes = none;
    this.#at = 0;
    return written;
  }

  /** Writes a frame with the given payload, or with its part between `from` and `to`. */
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

  /** Writes a header block: one HEADERS frame and as many CONTINUATION frames as it needs. */
  headers(stream: number, block: Uint8Array, endStream: boolean): void {
    const flags = endStream ? frameFlags.END_STREAM : 0;
    if (block.length <= maxPayload) return this.frame("HEADERS", flags | frameFlags.END_HEADERS, stream, block);
    this.frame("HEADERS", flags, stream, block, 0, maxPayload);
    for (let from = maxPayload; from < block.length; from += maxPayload) {
      const to = Math.min(block.length, from + maxPayload);
      this.frame("CONTINUATION", to === block.length ? frameFlags.END_HEADERS : 0, stream, block, from, to);
    }
  }

  /** Writes SETTINGS; identifiers are those of {@linkcode settingIds}. */
  settings(settings: readonly (readonly [id: number, value: number])[]): void {
    this.#begin("SETTINGS", 0, 0, settings.length * 6);
    for (const [id, value] of settings) {
      this.#uint8(id >>> 8);
      this.#uint8(id);
      this.#uint32(value);
    }
  }

  /** Writes RST_STREAM. */
  resetStream(stream: number, code: ErrorName): void {
    this.#begin("RST_STREAM", 0, stream, 4);
    this.#uint32(http2ErrorCodes[code]);
  }

  /** Writes WINDOW_UPDATE: the client may send `increment` more bytes on the stream; stream 0 is the connection. */
  windowUpdate(stream: number, increment: number): void {
    this.#begin("WINDOW_UPDATE", 0, stream, 4);
    this.#uint32(increment);
  }

  /** Writes GOAWAY: streams above `last` were not processed. `why` is debug data for a human. */
  goAway(last: number, code: ErrorName, why = ""): void {
    const debugData = Buffer.from(why);
    this.#begin("GOAWAY", 0, 0, 8 + debugData.length);
    this.#uint32(last);
    this.#uint32(http2ErrorCodes[code]);
    this.#bytes.set(debugData, this.#at);
    this.#at += debugData.length;
  }

  #begin(type: keyof typeof frameTypes, flags: number, stream: number, length: number): void {
    if (this.#at === 0) this.#onFilled();
    this.#reserve(frameHead + length);
    this.#uint8(length >>> 16);
    this.#uint8(length >>> 8);
    this.#uint8(length);
    this.#uint8(frameTypes[type]);
    this.#uint8(flags);
    this.#uint32(stream);
  }

  // The writers of `Buffer` check value and offset of each number: together they would take as long as the frame.
  #uint8(value: number): void {
    this.#bytes[this.#at++] = value;
  }

  #uint32(value: number): void {
    this.#uint8(value >>> 24);
    this.#uint8(value >>> 16);
    this.#uint8(value >>> 8);
    this.#uint8(value);
  }

  #reserve(length: number): void {
    if (this.#at + length <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(minAllotted, 2 * this.#bytes.length, this.#at + length));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}
