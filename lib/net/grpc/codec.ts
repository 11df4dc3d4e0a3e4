/**
 * A strict protobuf codec for messages whose fields are strings, bytes, maps from strings to either, or messages of such
 * fields.
 *
 * The decoder of protobufjs reads a truncated string as a shorter string, and does not check the wire type of a known
 * field. This codec decodes strictly, with the reader of protobufjs. It encodes as `encoder.ts` does.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import protobuf from "protobufjs";
import { utf8Text } from "../../base/bytes.ts";
import { type Encode, encoderOf } from "./encoder.ts";

/** Encodes and decodes one message type. */
export interface Codec {
  readonly encode: Encode;
  /**
   * Decodes every field of the message. An absent field has its empty value; an absent message is left out. Bytes are views
   * of the input.
   *
   * @throws {Error} if the fields do not fill `bytes` exactly, a field has another wire type than in the schema, a string is
   *   not UTF-8, or a message field occurs twice. Protobuf would merge the two, which no client intends.
   */
  readonly decode: (bytes: Uint8Array) => Record<string, unknown>;
}

interface Field {
  readonly name: string;
  /** The kind of the field; for a message, its codec. */
  readonly kind: "string" | "bytes" | "bytesMap" | "stringMap" | Codec;
}

const lengthDelimited = 2;
const startGroup = 3;
const keyTag = 1 << 3 | lengthDelimited;
const valueTag = 2 << 3 | lengthDelimited;
const nothing: Uint8Array = new Uint8Array(0);

/** Makes the codec of a message type. The references of the type must be resolved. */
export function codecOf(type: protobuf.Type): Codec {
  const fields = type.fieldsArray.map((field): Field & { id: number } => ({
    id: field.id,
    name: field.name,
    kind: kindOf(field),
  }));
  const byId: readonly (Field | undefined)[] = fields.reduce<(Field | undefined)[]>((all, field) => {
    all[field.id] = field;
    return all;
  }, []);
  const flat = fields.filter(({ kind }) => kind === "string" || kind === "bytes");
  const blank = Object.fromEntries(flat.map(({ name, kind }) => [name, kind === "string" ? "" : nothing]));
  const maps = fields.filter(({ kind }) => kind === "bytesMap" || kind === "stringMap").map(({ name }) => name);
  return {
    encode: encoderOf(type),
    decode(bytes) {
      const message: Record<string, unknown> = { ...blank };
      for (const name of maps) message[name] = {};
      const reader = protobuf.Reader.create(bytes);
      while (reader.pos < reader.len) readField(reader, byId, message);
      return message;
    },
  };
}

function kindOf(field: protobuf.Field): Field["kind"] {
  const isText = field.type === "string";
  if (field instanceof protobuf.MapField) {
    if (field.keyType === "string" && (isText || field.type === "bytes")) {
      return isText ? "stringMap" : "bytesMap";
    }
  } else if (!field.repeated) {
    if (isText || field.type === "bytes") return isText ? "string" : "bytes";
    if (field.resolvedType instanceof protobuf.Type) return codecOf(field.resolvedType);
  }
  throw new TypeError(`The field ${field.fullName} is neither a string, bytes, a map of them nor a message.`);
}

function readField(
  reader: protobuf.Reader,
  fields: readonly (Field | undefined)[],
  message: Record<string, unknown>,
): void {
  const tag = reader.uint32();
  const id = tag >>> 3;
  const wireType = tag & 7;
  if (id === 0 || wireType === startGroup) throw malformed();
  const field = fields[id];
  if (field === undefined) {
    reader.skipType(wireType);
  } else {
    if (wireType !== lengthDelimited) throw malformed();
    readValue(reader, field, message);
  }
}

function readValue(reader: protobuf.Reader, { name, kind }: Field, message: Record<string, unknown>): void {
  if (kind === "string") message[name] = readString(reader);
  else if (kind === "bytes") message[name] = readBytes(reader);
  else if (kind === "bytesMap") readEntry(reader, message[name] as Record<string, Uint8Array>, nothing, readBytes);
  else if (kind === "stringMap") readEntry(reader, message[name] as Record<string, string>, "", readString);
  else if (name in message) throw malformed();
  else message[name] = kind.decode(readBytes(reader));
}

/** Decodes one map entry: a message of the key and the value, either of which can be absent (Protocol Buffers encoding). */
function readEntry<Value>(
  reader: protobuf.Reader,
  map: Record<string, Value>,
  empty: Value,
  readOne: (reader: protobuf.Reader) => Value,
): void {
  const length = reader.uint32();
  // The reader throws if the message ends within the entry.
  const end = reader.pos + length;
  let key = "";
  let value = empty;
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag === keyTag) key = readString(reader);
    else if (tag === valueTag) value = readOne(reader);
    else throw malformed();
  }
  if (reader.pos !== end) throw malformed();
  // A plain assignment to this name would set the prototype and lose the entry.
  if (key === "__proto__") throw malformed();
  map[key] = value;
}

function readString(reader: protobuf.Reader): string {
  const from = readLength(reader);
  const { buf, pos } = reader;
  // A new view would cost more than decoding the text.
  const text = buf instanceof Buffer
    ? buf.toString("utf8", from, pos)
    : viewOf(buf.subarray(from, pos)).toString("utf8");
  // Invalid UTF-8 decodes to this character. A text can hold it too, so the bytes are checked again.
  if (text.includes("\ufffd") && utf8Text(buf.subarray(from, pos)) === undefined) throw malformed();
  return text;
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function readBytes(reader: protobuf.Reader): Uint8Array {
  const from = readLength(reader);
  const { buffer, byteOffset } = reader.buf;
  return new Uint8Array(buffer, byteOffset + from, reader.pos - from);
}

/** Reads a length and moves the reader past the field. @returns the offset of the field's first byte. */
function readLength(reader: protobuf.Reader): number {
  const length = reader.uint32();
  const from = reader.pos;
  if (length > reader.len - from) throw malformed();
  reader.pos = from + length;
  return from;
}

function malformed(): Error {
  return new RangeError("The bytes are not the message that they should be.");
}
