/**
 * Encodes protobuf messages whose fields are strings, bytes, maps from strings to either, or messages of such fields.
 *
 * The encoder of protobufjs makes an object for each part of a message and joins them at the end. This one computes the
 * size, then writes into one buffer. The bytes are the same.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import protobuf from "protobufjs";

/**
 * Encodes a message. A field that is absent, `undefined` or `null` is left out. A frozen map is encoded once and its bytes
 * are copied from then on: neither it nor its values may change.
 *
 * @param headroom number of bytes to leave free in front of the message; 0 if left out. Their content is undefined.
 */
export type Encode = (message: object, headroom?: number) => Buffer;

/** One kind of value: its size in bytes without a length, and the writer, which returns the offset after the value. */
interface ValueKind {
  readonly size: (value: never) => number;
  readonly write: (out: Buffer, at: number, value: never, size: number) => number;
}

/** A field, with its tag: number and wire type (Protocol Buffers encoding). */
interface EncodedField {
  readonly name: string;
  readonly tag: number;
  readonly kind: ValueKind;
  /** For a map, its encoded entries where they are kept. */
  readonly kept: WeakMap<object, Buffer> | undefined;
}

type Value = never;

const lengthDelimited = 2;
const keyTag = 1 << 3 | lengthDelimited;
const valueTag = 2 << 3 | lengthDelimited;

/** UTF-16 units. Shorter texts are copied by a loop: a call of the runtime would cost more. */
const shortText = 64;

const textKind = {
  size: textSize,
  write: (out: Buffer, at: number, text: string, size: number) => writeText(out, at, text, size),
} as ValueKind;

const bytesKind = {
  size: (bytes: Uint8Array) => bytes.length,
  write: (out: Buffer, at: number, bytes: Uint8Array) => {
    out.set(bytes, at);
    return at + bytes.length;
  },
} as ValueKind;

/**
 * Makes the encoder of a message type. The references of the type must be resolved, and its fields must be of the kinds
 * above.
 */
export function encoderOf(type: protobuf.Type): Encode {
  const { size, write } = messageKind(type) as {
    size: (message: object) => number;
    write: (out: Buffer, at: number, message: object) => number;
  };
  return (message, headroom = 0) => {
    const out = Buffer.allocUnsafe(headroom + size(message));
    write(out, headroom, message);
    return out;
  };
}

function messageKind(type: protobuf.Type): ValueKind {
  const fields = type.fieldsArray.toSorted((one, other) => one.id - other.id).map(encodedField);
  return {
    size(message: Readonly<Record<string, Value>>) {
      let size = 0;
      for (const field of fields) {
        const value = message[field.name];
        if (value === undefined || value === null) continue;
        size += field.kept === undefined
          ? sizeOf(field, value)
          : keptEntries(field, value)?.length ?? mapSize(field, value);
      }
      return size;
    },
    write(out: Buffer, at: number, message: Readonly<Record<string, Value>>) {
      let end = at;
      for (const field of fields) {
        const value = message[field.name];
        if (value === undefined || value === null) continue;
        end = field.kept === undefined
          ? writeField(out, end, field.tag, field.kind, value)
          : writeEntries(out, end, field, value);
      }
      return end;
    },
  } as ValueKind;
}

function encodedField(field: protobuf.Field): EncodedField {
  const { id, name, type, resolvedType } = field;
  const tag = id << 3 | lengthDelimited;
  const kind = type === "string"
    ? textKind
    : resolvedType instanceof protobuf.Type
    ? messageKind(resolvedType)
    : bytesKind;
  return { name, tag, kind, kept: field instanceof protobuf.MapField ? new WeakMap() : undefined };
}

function sizeOf({ tag, kind }: Pick<EncodedField, "tag" | "kind">, value: Value): number {
  const size = kind.size(value);
  return varintSize(tag) + varintSize(size) + size;
}

/** The encoded entries of a frozen map; `undefined` for any other one. */
function keptEntries(field: EncodedField, map: Readonly<Record<string, Value>>): Buffer | undefined {
  const known = field.kept?.get(map);
  if (known !== undefined || !Object.isFrozen(map)) return known;
  const entries = Buffer.alloc(mapSize(field, map));
  writeMap(entries, 0, field, map);
  field.kept?.set(map, entries);
  return entries;
}

function writeEntries(out: Buffer, at: number, field: EncodedField, map: Readonly<Record<string, Value>>): number {
  const entries = keptEntries(field, map);
  if (entries === undefined) return writeMap(out, at, field, map);
  out.set(entries, at);
  return at + entries.length;
}

function mapSize({ tag, kind }: EncodedField, map: Readonly<Record<string, Value>>): number {
  let size = 0;
  for (const key of Object.keys(map)) {
    const entry = entrySize(kind, key, map[key] as Value);
    size += varintSize(tag) + varintSize(entry) + entry;
  }
  return size;
}

/** A map entry is a message of the key and the value. */
function entrySize(kind: ValueKind, key: string, value: Value): number {
  return sizeOf({ tag: keyTag, kind: textKind }, key as Value) + sizeOf({ tag: valueTag, kind }, value);
}

function writeMap(out: Buffer, at: number, { tag, kind }: EncodedField, map: Readonly<Record<string, Value>>): number {
  let end = at;
  for (const key of Object.keys(map)) {
    const value = map[key] as Value;
    end = writeVarint(out, writeVarint(out, end, tag), entrySize(kind, key, value));
    end = writeField(out, end, keyTag, textKind, key as Value);
    end = writeField(out, end, valueTag, kind, value);
  }
  return end;
}

function writeField(out: Buffer, at: number, tag: number, kind: ValueKind, value: Value): number {
  const size = kind.size(value);
  return kind.write(out, writeVarint(out, writeVarint(out, at, tag), size), value, size);
}

function varintSize(value: number): number {
  let size = 1;
  for (let left = value; left >= 0x80; left >>>= 7) size++;
  return size;
}

function writeVarint(out: Buffer, at: number, value: number): number {
  let end = at;
  let left = value;
  for (; left >= 0x80; left >>>= 7) out[end++] = 0x80 | left & 0x7f;
  out[end++] = left;
  return end;
}

/** The size of a text in UTF-8. A lone surrogate has the size of U+FFFD, as which it is written. */
function textSize(text: string): number {
  if (text.length > shortText) return Buffer.byteLength(text);
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) > 0x7f) return Buffer.byteLength(text);
  }
  return text.length;
}

function writeText(out: Buffer, at: number, text: string, size: number): number {
  // A text of as many bytes as units is ASCII.
  if (size !== text.length || size > shortText) return at + out.write(text, at, size, "utf8");
  for (let index = 0; index < size; index++) out[at + index] = text.charCodeAt(index);
  return at + size;
}
