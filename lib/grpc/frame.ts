/**
 * gRPC's framing: a flag of one byte, the length of the message in four bytes, the message. A call of ours has one
 * message each way.
 *
 * Source: "gRPC over HTTP2" (`Length-Prefixed-Message`) and "gRPC Compression" of the gRPC project.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { gunzipSync, inflateSync } from "node:zlib";
import { statuses } from "./statuses.ts";

/** What is wrong with the bytes of a request: its status, and why as half a sentence. */
export const faults = {
  absent: { status: statuses.INVALID_ARGUMENT, why: "there is none" },
  cut_short: { status: statuses.INVALID_ARGUMENT, why: "it is cut short" },
  too_many: { status: statuses.INVALID_ARGUMENT, why: "more follows after it" },
  too_large: { status: statuses.RESOURCE_EXHAUSTED, why: "it is larger than 1 MiB" },
  garbled: { status: statuses.INVALID_ARGUMENT, why: "it is not compressed as its headers say" },
  malformed: { status: statuses.INVALID_ARGUMENT, why: "it is not the message expected" },
  unknown_encoding: { status: statuses.UNIMPLEMENTED, why: "it is compressed in a way that is not known here" },
} as const satisfies Record<string, { readonly status: number; readonly why: string }>;

/** A row of {@linkcode faults}. */
export type Fault = keyof typeof faults;

// The largest good request is a v1beta1 ciphertext of 60 KiB; one somewhat too large should still hear our own sentence.
const maxBytes = 1 << 20;
const headBytes = 5;

type Inflate = (bytes: Uint8Array, options: { readonly maxOutputLength: number }) => Buffer;

/** How a message may be compressed besides `identity`. kube-apiserver compresses none, other clients may. */
const encodings: Readonly<Record<string, Inflate>> = { gzip: gunzipSync, deflate: inflateSync };

/** What a server tells of them, `grpc-accept-encoding`. */
export const acceptedEncodings: string = ["identity", ...Object.keys(encodings)].join(",");

/** A message in its frame, uncompressed. */
export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(headBytes + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, headBytes);
  return frame;
}

/** Takes in the frame of a request piece by piece. */
export class FrameReader {
  readonly #pieces: Buffer[] = [];
  #size = 0;

  /** Takes one piece. `false` as soon as there are more bytes than any request may have: read no more. */
  add(piece: Buffer): boolean {
    this.#pieces.push(piece);
    this.#size += piece.length;
    return this.#size <= headBytes + maxBytes;
  }

  /**
   * The message, once everything has come.
   *
   * @param encoding as `grpc-encoding` says, if it says anything.
   */
  message(encoding: string | undefined): Buffer | Fault {
    const [first = Buffer.alloc(0)] = this.#pieces;
    const bytes = this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces);
    if (bytes.length === 0) return "absent";
    if (bytes.length < headBytes) return "cut_short";
    const end = headBytes + bytes.readUInt32BE(1);
    if (end > headBytes + maxBytes) return "too_large";
    if (end !== bytes.length) return end > bytes.length ? "cut_short" : "too_many";
    const message = bytes.subarray(headBytes);
    return bytes[0] === 0 ? message : inflated(message, bytes[0], encoding);
  }
}

function inflated(message: Buffer, flag: number | undefined, encoding = "identity"): Buffer | Fault {
  if (flag !== 1 || encoding === "identity") return "garbled";
  const inflate = Object.hasOwn(encodings, encoding) ? encodings[encoding] : undefined;
  if (inflate === undefined) return "unknown_encoding";
  try {
    return inflate(message, { maxOutputLength: maxBytes });
  } catch (error) {
    return error instanceof RangeError ? "too_large" : "garbled";
  }
}
