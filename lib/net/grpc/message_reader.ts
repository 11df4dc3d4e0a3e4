/**
 * gRPC's framing: a flag of one byte, the length of the message in four bytes, the message. Unary calls have one message
 * in each direction.
 *
 * Source: "gRPC over HTTP2" (`Length-Prefixed-Message`) and "gRPC Compression" of the gRPC project.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { statuses } from "./codes.ts";

/**
 * Maximum size of a request message in bytes. The largest valid one is a frame of 60 KiB in the text form for SOPS.
 * Messages between that size and this one are refused by the handler.
 */
export const maxMessage = 96 << 10;

/** The faults of a request's bytes: the gRPC status, and the reason as the end of a sentence without its full stop. */
export const faults = {
  absent: { status: statuses.INVALID_ARGUMENT, why: "there is none" },
  cut_short: { status: statuses.INVALID_ARGUMENT, why: "it is cut short" },
  too_many: { status: statuses.INVALID_ARGUMENT, why: "more follows after it" },
  oversized: { status: statuses.INVALID_ARGUMENT, why: `it is larger than ${maxMessage >> 10} KiB` },
  too_large: { status: statuses.RESOURCE_EXHAUSTED, why: `it is larger than ${maxMessage >> 10} KiB` },
  garbled: { status: statuses.INTERNAL, why: "it is marked as compressed, and its headers name no compression" },
  malformed: { status: statuses.INVALID_ARGUMENT, why: "it is not the message expected" },
  compressed: {
    status: statuses.UNIMPLEMENTED,
    why: "it is compressed, which is not supported here; send it as it is",
  },
} as const satisfies Record<string, { readonly status: number; readonly why: string }>;

/** The name of a row of {@linkcode faults}. */
export type Fault = keyof typeof faults;

/** Bytes. A larger announced length is regarded as an attempt to exhaust the server and not as a violated API limit. */
const largestMistake = 1 << 20;

/** Size of the prefix of a message in bytes: the flag and the length. */
export const prefixSize = 5;

/** Bytes. A message of at most this announced length gets its whole buffer at once. */
const fewBytes = 4096;

/**
 * The value of `grpc-accept-encoding`. Compressed messages are refused: a kilobyte could expand to a mebibyte, and
 * kube-apiserver does not compress.
 */
export const acceptedEncodings = "identity";

/** Writes the prefix of a message into the first {@linkcode prefixSize} bytes of `frame`; the rest is the message. */
export function withPrefix(frame: Buffer): Buffer {
  const length = frame.length - prefixSize;
  frame[0] = 0;
  frame[1] = length >>> 24;
  frame[2] = length >>> 16;
  frame[3] = length >>> 8;
  frame[4] = length;
  return frame;
}

const none: Buffer = Buffer.alloc(0);

/** Collects the message of a request piece by piece, in one buffer that grows with the received bytes. */
export class GrpcMessageReader {
  readonly #encoding: string;
  #bytes = none;
  #size = 0;
  /** The offset of the message's end; `undefined` until its length has been received. */
  #end: number | undefined;
  #fault: Fault | undefined;

  /** @param encoding the header `grpc-encoding`. */
  constructor(encoding = "identity") {
    this.#encoding = encoding;
  }

  /** Number of allocated bytes. */
  get held(): number {
    return this.#bytes.length;
  }

  /** Copies one piece. @returns the fault, as soon as it is known; then no more pieces must be added. */
  add(piece: Buffer): Fault | undefined {
    const size = this.#size + piece.length;
    if (this.#end === undefined) this.#readHead(piece);
    if (size > prefixSize + maxMessage) this.#fault ??= "too_large";
    if (this.#fault !== undefined) return this.#fault;
    // Bytes after the message are counted and not stored.
    if (size <= (this.#end ?? size)) this.#copy(piece, size);
    this.#size = size;
  }

  /** The message or its fault. Called when the request is complete. */
  message(): Buffer | Fault {
    if (this.#fault !== undefined) return this.#fault;
    if (this.#size === 0) return "absent";
    if (this.#end === undefined || this.#size < this.#end) return "cut_short";
    return this.#size > this.#end ? "too_many" : this.#bytes.subarray(prefixSize, this.#size);
  }

  #readHead(piece: Buffer): void {
    const head = this.#size === 0 ? piece : Buffer.concat([this.#bytes.subarray(0, this.#size), piece], prefixSize);
    if (this.#size + piece.length < prefixSize) return;
    const length = head.readUInt32BE(1);
    this.#end = prefixSize + length;
    // A flag of 1 marks a compressed message. No other flags are defined ("gRPC Compression").
    if (head[0] !== 0) this.#fault = head[0] !== 1 || this.#encoding === "identity" ? "garbled" : "compressed";
    else if (length > maxMessage) this.#fault = length > largestMistake ? "too_large" : "oversized";
  }

  #copy(piece: Buffer, size: number): void {
    if (size > this.#bytes.length) this.#grow(size);
    piece.copy(this.#bytes, this.#size);
  }

  #grow(size: number): void {
    const end = this.#end ?? prefixSize;
    const wanted = Math.min(end, Math.max(2 * this.#bytes.length, fewBytes));
    const allotted = Math.max(size, wanted);
    // A slice of Node's buffer pool would keep the whole pool in memory while the rest of the message is missing.
    const larger = size === end ? Buffer.allocUnsafe(allotted) : Buffer.allocUnsafeSlow(allotted);
    this.#bytes.copy(larger, 0, 0, this.#size);
    this.#bytes = larger;
  }
}
