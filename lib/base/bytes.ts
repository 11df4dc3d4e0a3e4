/**
 * Functions on byte arrays: encode, decode, join, compare, and a bounds-checked reader and writer.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { hash, timingSafeEqual } from "node:crypto";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
const exactDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text in UTF-8. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The text in which each byte is one character, so that different bytes never give the same text. */
export function latin1({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString("latin1");
}

/** The text of UTF-8 bytes without a leading byte order mark, or `undefined` if they are not UTF-8. For files that people edit. */
export function utf8Text(bytes: Uint8Array): string | undefined {
  return decoded(bytes, decoder);
}

/**
 * The text of UTF-8 bytes, or `undefined` if they are not UTF-8. A leading byte order mark stays a character of the text,
 * so that different bytes never give the same text. For stored bytes.
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

/** A new array with all parts in order. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let size = 0;
  for (const part of parts) size += part.length;
  const out = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/**
 * All fields in order, each after its length in four bytes, big-endian. The encoding is injective: different lists of
 * fields never have the same encoding.
 */
export function lengthPrefixed(...fields: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter(fields.reduce((sum, field) => sum + fieldSize(field), 0));
  for (const field of fields) writer.field(field);
  return writer.written().slice();
}

/** Two bytes, big-endian. The caller ensures that `value` is from 0 to 65535. */
export function uint16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value);
}

/** SHA-256, 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(hash("sha256", bytes, "buffer"));
}

/** SHA-256 in lowercase hexadecimal. Measured at half the time of {@linkcode sha256}. */
export function sha256Hex(bytes: Uint8Array): string {
  return hash("sha256", bytes, "hex");
}

/** Whether `bytes` begins with `first`. Not for secrets: its duration depends on the content. */
export function beginsWith(bytes: Uint8Array, first: Uint8Array): boolean {
  for (let at = 0; at < first.length; at++) if (bytes[at] !== first[at]) return false;
  return true;
}

/**
 * Whether the bytes are the same. Not for secrets: its duration depends on the content. Measured at a fortieth of the time
 * of {@linkcode equalBytes}.
 */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** Compares in constant time: the duration does not depend on the first differing byte. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Orders texts by their UTF-16 code units, as `<` does. */
export function compareTexts(one: string, other: string): -1 | 0 | 1 {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Orders bytes, as the memory of the shorter ones does; a beginning comes first. Not for secrets. */
export function compareBytes(one: Uint8Array, other: Uint8Array): -1 | 0 | 1 {
  return Buffer.compare(one, other);
}

/** Lowercase hexadecimal. */
export function hex(bytes: Uint8Array): string {
  return view(bytes).toString("hex");
}

/** Standard base64 with padding. */
export function base64(bytes: Uint8Array): string {
  return view(bytes).toString("base64");
}

/** Decodes standard base64 with padding; `undefined` if the text is not the canonical encoding. */
export function fromBase64(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(Buffer.from(text, "base64"));
  return base64(bytes) === text ? bytes : undefined;
}

/** Encodes as base64url without padding (RFC 4648, section 5), the encoding of JSON Web Tokens and Keys. */
export function base64url(bytes: Uint8Array): string {
  return view(bytes).toString("base64url");
}

/** Decodes base64url without padding; `undefined` if the text is not the canonical encoding. */
export function fromBase64url(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(Buffer.from(text, "base64url"));
  return base64url(bytes) === text ? bytes : undefined;
}

// `Uint8Array.prototype.toHex` and `toBase64` are missing in engines that the program may be compiled for.
function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Writes fields into one buffer from Node's pool: one array for each field would cost more than hashing all of them.
 * The content must be used at once and must not be secret, since the pool's memory is reused.
 */
export class ByteWriter {
  readonly #bytes: Buffer;
  #at = 0;

  /** @param maxBytes size of the buffer; see {@linkcode fieldSize}. */
  constructor(maxBytes: number) {
    this.#bytes = Buffer.allocUnsafe(maxBytes);
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

  /** The bytes without a length. */
  bytes(value: Uint8Array): this {
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
    return this;
  }

  /** Bytes, or a text in UTF-8, after their length in four bytes, as {@linkcode lengthPrefixed} writes them. */
  field(value: Uint8Array | string): this {
    if (typeof value !== "string") return this.uint32(value.length).bytes(value);
    const length = this.#bytes.write(value, this.#at + 4, "utf8");
    this.uint32(length);
    this.#at += length;
    return this;
  }

  /** A view of the bytes written so far. Use it before the next `await`. */
  written(): Uint8Array {
    const { buffer, byteOffset } = this.#bytes;
    return new Uint8Array(buffer, byteOffset, this.#at);
  }
}

/**
 * Maximum number of bytes that {@linkcode ByteWriter.field} writes. UTF-8 has at most three bytes for a UTF-16 code
 * unit.
 */
export function fieldSize(value: Uint8Array | string): number {
  return 4 + (typeof value === "string" ? 3 * value.length : value.length);
}

/**
 * Reads fields in order. A read past the end returns `undefined`, and so do all later reads, so that a parser can read
 * all fields and check {@linkcode ByteReader.done} once.
 */
export class ByteReader {
  #bytes: Uint8Array;
  #at = 0;
  #failed = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The next `length` bytes as a view of the input. */
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
    return from === undefined ? undefined : (this.#bytes[from] ?? 0) * 256 + (this.#bytes[from + 1] ?? 0);
  }

  /** Skips the next `length` bytes and returns their offset. */
  #advance(length: number): number | undefined {
    if (this.#failed || length > this.#bytes.length - this.#at) {
      this.#failed = true;
      return undefined;
    }
    this.#at += length;
    return this.#at - length;
  }

  /** A field after its two-byte length. */
  field16(): Uint8Array | undefined {
    return this.#takeField(this.uint16());
  }

  /** A field after its one-byte length. */
  field8(): Uint8Array | undefined {
    return this.#takeField(this.uint8());
  }

  #takeField(length: number | undefined): Uint8Array | undefined {
    return length === undefined ? undefined : this.take(length);
  }

  /** All unread bytes. */
  rest(): Uint8Array | undefined {
    return this.take(this.#bytes.length - this.#at);
  }

  /** Whether every read succeeded and no bytes are left. */
  get done(): boolean {
    return !this.#failed && this.#at === this.#bytes.length;
  }
}
