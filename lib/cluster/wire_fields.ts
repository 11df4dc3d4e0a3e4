/**
 * The fields of a protobuf message without a schema: varints and bytes. For stored objects, of which a few fields are
 * read and the others skipped.
 *
 * @module
 */

import { exactText, hex } from "../base/bytes.ts";

/** A field: a number for wire type 0, bytes for wire type 2; of the other types only the ID. */
export interface WireField {
  readonly id: number;
  /** Rounded above 2^53. */
  readonly varint?: number;
  /** A view of the message. */
  readonly bytes?: Uint8Array;
}

/** All fields in the order of the message; `undefined` if the bytes are no message. */
export function wireFields(bytes: Uint8Array): readonly WireField[] | undefined {
  const fields: WireField[] = [];
  const reader = new WireReader(bytes);
  while (reader.left > 0) {
    if (!reader.next()) return undefined;
    fields.push(reader.field());
  }
  return fields;
}

/**
 * The bytes of the last field of each number; `undefined` if the message has none, or if the bytes are no message. It makes
 * no object for any other field, which counts with many messages.
 */
export function lastFieldBytes(
  bytes: Uint8Array,
  ids: readonly number[],
): readonly (Uint8Array | undefined)[] | undefined {
  const found = ids.map((): Uint8Array | undefined => undefined);
  const reader = new WireReader(bytes);
  while (reader.left > 0) {
    if (!reader.next()) return undefined;
    const at = ids.indexOf(reader.id);
    if (at >= 0) found[at] = reader.field().bytes;
  }
  return found;
}

/** The last field of a number: it counts, as in protobuf. */
export function lastField(fields: readonly WireField[], id: number): WireField | undefined {
  return fields.findLast((field) => field.id === id);
}

/** An entry of a map of texts to bytes: a message with 1 key and 2 value. */
export function mapEntry({ bytes }: WireField): [key: string, value: Uint8Array] {
  const fields = wireFields(bytes ?? new Uint8Array(0)) ?? [];
  const key = lastField(fields, 1)?.bytes ?? new Uint8Array(0);
  return [exactText(key) ?? hex(key), lastField(fields, 2)?.bytes ?? new Uint8Array(0)];
}

/** Maximum length of a varint in bytes. */
const maxVarint = 10;

class WireReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  /** Of the field that was read last. */
  id = 0;
  #varint: number | undefined;
  /** Where its bytes begin; they end where the next field begins. */
  #from: number | undefined;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** Reads the next field. @returns whether there is a sound one. */
  next(): boolean {
    const tag = this.#number();
    if (tag === undefined || tag < 8 || tag > 0xffff_ffff) return false;
    this.id = Math.floor(tag / 8);
    this.#varint = this.#from = undefined;
    switch (tag % 8) {
      case 0:
        this.#varint = this.#number();
        return this.#varint !== undefined;
      case 1:
        return this.#skip(8);
      case 2: {
        const length = this.#number();
        this.#from = this.#at;
        return length !== undefined && this.#skip(length);
      }
      case 5:
        return this.#skip(4);
      default:
        return false;
    }
  }

  /** The field that was read last. */
  field(): WireField {
    const { id } = this;
    if (this.#varint !== undefined) return { id, varint: this.#varint };
    return this.#from === undefined ? { id } : { id, bytes: this.#bytes.subarray(this.#from, this.#at) };
  }

  #skip(length: number): boolean {
    if (length > this.left) return false;
    this.#at += length;
    return true;
  }

  #number(): number | undefined {
    let value = 0;
    for (let length = 0, scale = 1; length < maxVarint; length++, scale *= 128) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) return undefined;
      this.#at++;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    return undefined;
  }
}
