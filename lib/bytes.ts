/**
 * Bytes in and out: joining, comparing, length-prefixing, and a reader that never runs past the end.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { hash, timingSafeEqual } from "node:crypto";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
const exactDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** UTF-8 of a text. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The text of UTF-8 bytes without a byte order mark before it, as editors write it; `undefined` if they are not UTF-8. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  return decoded(bytes, decoder);
}

/**
 * The text of UTF-8 bytes that a program wrote, or `undefined` if they are not UTF-8. A byte order mark is a character of
 * the text, so that no two runs of bytes give the same text.
 */
export function exactText(bytes: Uint8Array): string | undefined {
  return decoded(bytes, exactDecoder);
}

function decoded(bytes: Uint8Array, by: TextDecoder): string | undefined {
  try {
    return by.decode(bytes);
  } catch {
    return undefined;
  }
}

/** One new array that holds all parts in order. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/**
 * Each field behind its length in four bytes, big-endian, all in one piece: two fields so written can never be read as
 * two others.
 */
export function lengthPrefixed(...fields: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter(fields.reduce((sum, field) => sum + fieldSize(field), 0));
  for (const field of fields) writer.field(field);
  return writer.written().slice();
}

/** Two bytes, big-endian; the caller has checked that `value` fits. */
export function uint16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value);
}

/** SHA-256, 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(hash("sha256", bytes, "buffer"));
}

/** SHA-256 in lowercase hexadecimal: half the price of its bytes. */
export function sha256Hex(bytes: Uint8Array): string {
  return hash("sha256", bytes, "hex");
}

/** Whether bytes begin with others, neither of them secret. */
export function beginsWith(bytes: Uint8Array, first: Uint8Array): boolean {
  return bytes.length >= first.length && first.every((byte, at) => bytes[at] === byte);
}

/** Compares without telling by its duration where the first difference is. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Orders texts by their UTF-16 code units, as `<` does. */
export function compareTexts(one: string, other: string): -1 | 0 | 1 {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Lowercase hexadecimal. */
export function hex(bytes: Uint8Array): string {
  return view(bytes).toString("hex");
}

/** Standard base64 with padding. */
export function base64(bytes: Uint8Array): string {
  return view(bytes).toString("base64");
}

/** The bytes of standard base64 in its one canonical spelling, or `undefined`. */
export function fromBase64(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(Buffer.from(text, "base64"));
  return base64(bytes) === text ? bytes : undefined;
}

/** Base64url without padding (RFC 4648, section 5), as JSON Web Tokens and Keys are written. */
export function base64url(bytes: Uint8Array): string {
  return view(bytes).toString("base64url");
}

/** The bytes of base64url in its one canonical spelling, or `undefined`. */
export function fromBase64url(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(Buffer.from(text, "base64url"));
  return base64url(bytes) === text ? bytes : undefined;
}

// The engine's own methods for this are younger than some engines that the program may be compiled for.
function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Writes fields one after the other into memory that is allotted once, and from a pool: an array of its own for each
 * field costs more than hashing them all. For what is used at once and is no secret.
 */
export class ByteWriter {
  readonly #bytes: Buffer;
  #at = 0;

  /** @param most bytes that will be written at the most; see {@linkcode fieldSize}. */
  constructor(most: number) {
    this.#bytes = Buffer.allocUnsafe(most);
  }

  /** One byte. */
  uint8(value: number): this {
    this.#at = this.#bytes.writeUInt8(value, this.#at);
    return this;
  }

  /** Four bytes, big-endian. */
  uint32(value: number): this {
    this.#at = this.#bytes.writeUInt32BE(value, this.#at);
    return this;
  }

  /** Bytes as they are. */
  bytes(value: Uint8Array): this {
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
    return this;
  }

  /** Bytes, or a text's UTF-8, behind their length in four bytes, as {@linkcode lengthPrefixed} writes them. */
  field(value: Uint8Array | string): this {
    if (typeof value !== "string") return this.uint32(value.length).bytes(value);
    const length = this.#bytes.write(value, this.#at + 4, "utf8");
    this.uint32(length);
    this.#at += length;
    return this;
  }

  /** What was written: a view, to be used before anything else is waited for. */
  written(): Uint8Array {
    const { buffer, byteOffset } = this.#bytes;
    return new Uint8Array(buffer, byteOffset, this.#at);
  }
}

/** How many bytes {@linkcode ByteWriter.field} takes at the most: no character has more than three for each of its units. */
export function fieldSize(value: Uint8Array | string): number {
  return 4 + (typeof value === "string" ? 3 * value.length : value.length);
}

/**
 * Reads fields one after the other. Past the end each read gives `undefined` and so does every later one, so that a
 * parser may read all its fields and ask {@linkcode ByteReader.done} once.
 */
export class ByteReader {
  #bytes: Uint8Array;
  #at = 0;
  #failed = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The next `length` bytes: a view of what is read. */
  take(length: number): Uint8Array | undefined {
    const from = this.#advance(length);
    if (from === undefined) return undefined;
    const { buffer, byteOffset } = this.#bytes;
    return new Uint8Array(buffer, byteOffset + from, length);
  }

  /** One byte. */
  uint8(): number | undefined {
    const from = this.#advance(1);
    return from === undefined ? undefined : this.#bytes[from];
  }

  /** Two bytes, big-endian. */
  uint16(): number | undefined {
    const from = this.#advance(2);
    const [high, low] = from === undefined ? [] : [this.#bytes[from], this.#bytes[from + 1]];
    return high === undefined || low === undefined ? undefined : high * 256 + low;
  }

  /** Where the next `length` bytes begin, and past them. */
  #advance(length: number): number | undefined {
    if (this.#failed || length > this.#bytes.length - this.#at) {
      this.#failed = true;
      return undefined;
    }
    this.#at += length;
    return this.#at - length;
  }

  /** A field behind a two-byte length. */
  field16(): Uint8Array | undefined {
    const length = this.uint16();
    return length === undefined ? undefined : this.take(length);
  }

  /** A field behind a one-byte length. */
  field8(): Uint8Array | undefined {
    const length = this.uint8();
    return length === undefined ? undefined : this.take(length);
  }

  /** All bytes not yet read. */
  rest(): Uint8Array | undefined {
    return this.take(this.#bytes.length - this.#at);
  }

  /** Whether every read succeeded and nothing is left over. */
  get done(): boolean {
    return !this.#failed && this.#at === this.#bytes.length;
  }
}
