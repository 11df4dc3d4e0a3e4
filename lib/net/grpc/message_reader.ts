/**
 * gRPC's framing: a flag of one byte, the length of the message in four bytes, the message. A call of ours has one
 * message each way.
 *
 * Source: "gRPC over HTTP2" (`Length-Prefixed-Message`) and "gRPC Compression" of the gRPC project.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { statuses } from "./codes.ts";

/** Bytes of a request at most. The largest good one is SOPS' armour of a frame of 60 KiB; one somewhat larger is refused by its handler. */
export const maxMessage = 96 << 10;

/** What is wrong with the bytes of a request: its status, and why as half a sentence. */
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

/** A row of {@linkcode faults}. */
export type Fault = keyof typeof faults;

/** A message said to be larger than this is an attempt to exhaust the server, and no mistake about a limit of the API. */
const largestMistake = 1 << 20;

const headBytes = 5;

/** As few bytes as this are allotted at once as soon as a message says that it has them. */
const fewBytes = 4096;

/**
 * `grpc-accept-encoding`: no message is read that is compressed. A kilobyte could become a mebibyte, in one piece of work,
 * and kube-apiserver compresses none.
 */
export const acceptedEncodings = "identity";

/** A message in its frame. */
export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headBytes + message.length);
  // The flag is 0, as the first of the five bytes of any length that fits into four.
  frame.writeUIntBE(message.length, 0, headBytes);
  frame.set(message, headBytes);
  return frame;
}

/** Takes in the frame of a request piece by piece, in one buffer that grows as the message comes. */
export class GrpcMessageReader {
  readonly #encoding: string;
  #bytes: Buffer = Buffer.alloc(0);
  #size = 0;
  /** Where the message ends; once its length has come. */
  #end: number | undefined;
  #fault: Fault | undefined;

  /** @param encoding as `grpc-encoding` says, if it says anything. */
  constructor(encoding = "identity") {
    this.#encoding = encoding;
  }

  /** Bytes that are allotted. */
  get held(): number {
    return this.#bytes.length;
  }

  /** Takes a copy of one piece. @returns what is wrong, as soon as it can be seen: then read no more. */
  add(piece: Buffer): Fault | undefined {
    const size = this.#size + piece.length;
    if (this.#end === undefined) this.#readHead(piece);
    if (size > headBytes + maxMessage) this.#fault ??= "too_large";
    if (this.#fault !== undefined) return this.#fault;
    // What follows after the message is counted, and not kept.
    if (size <= (this.#end ?? size)) this.#copy(piece, size);
    this.#size = size;
  }

  /** The message, once everything has come. */
  message(): Buffer | Fault {
    if (this.#fault !== undefined) return this.#fault;
    if (this.#size === 0) return "absent";
    if (this.#end === undefined || this.#size < this.#end) return "cut_short";
    return this.#size > this.#end ? "too_many" : this.#bytes.subarray(headBytes, this.#size);
  }

  #readHead(piece: Buffer): void {
    const head = this.#size === 0 ? piece : Buffer.concat([this.#bytes.subarray(0, this.#size), piece], headBytes);
    if (this.#size + piece.length < headBytes) return;
    const length = head.readUInt32BE(1);
    this.#end = headBytes + length;
    // A flag of 1 says that a message is compressed; there are no others ("gRPC Compression").
    if (head[0] !== 0) this.#fault = head[0] !== 1 || this.#encoding === "identity" ? "garbled" : "compressed";
    else if (length > maxMessage) this.#fault = length > largestMistake ? "too_large" : "oversized";
  }

  #copy(piece: Buffer, size: number): void {
    if (size > this.#bytes.length) this.#grow(size);
    piece.copy(this.#bytes, this.#size);
  }

  #grow(size: number): void {
    const end = this.#end ?? headBytes;
    const wanted = Math.min(end, Math.max(2 * this.#bytes.length, fewBytes));
    const allotted = Math.max(size, wanted);
    // A piece of a pool would keep all of the pool in memory for as long as the rest does not come.
    const larger = size === end ? Buffer.allocUnsafe(allotted) : Buffer.allocUnsafeSlow(allotted);
    this.#bytes.copy(larger, 0, 0, this.#size);
    this.#bytes = larger;
  }
}
