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
    const field = reader.field();
    if (field === undefined) return undefined;
    fields.push(field);
  }
  return fields;
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

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  field(): WireField | undefined {
    const tag = this.#varint();
    if (tag === undefined || tag < 8 || tag > 0xffff_ffff) return undefined;
    const id = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0: {
        const varint = this.#varint();
        return varint === undefined ? undefined : { id, varint };
      }
      case 1:
        return this.#take(8) && { id };
      case 2: {
        const bytes = this.#take(this.#varint());
        return bytes && { id, bytes };
      }
      case 5:
        return this.#take(4) && { id };
      default:
        return undefined;
    }
  }

  #take(length: number | undefined): Uint8Array | undefined {
    if (length === undefined || length > this.left) return undefined;
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  #varint(): number | undefined {
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
