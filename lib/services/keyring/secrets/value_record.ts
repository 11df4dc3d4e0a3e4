/**
 * The value record: the fields of one version. Row key: the secret's ID, 16 bytes, then the version, 4 bytes.
 *
 * Content: 16 random bytes · number of fields 2 · for each field: kind 1 · value behind its length in 4. The random bytes
 * make the content's hash, which the metadata record holds, no test of a guess. The names of the fields are not part of the
 * content: the seal is bound to them, with the ID and the version.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { ByteReader, ByteWriter, fieldSize, lengthPrefixed, sha256Hex, utf8 } from "../../../base/bytes.ts";
import { type FieldKind, fieldKinds, type SecretField } from "../../../api/keyring/fields.ts";
import type { RecordCodec } from "../records/records.ts";

/** The fields of one version. */
export interface StoredValue {
  readonly fields: readonly SecretField[];
  /** The content of the record. */
  readonly content: Uint8Array;
  /** SHA-256 of the content in hexadecimal. */
  readonly hash: string;
}

const saltBytes = 16;
const kindNumbers = { text: 1, json: 2, bytes: 3 } as const satisfies Readonly<Record<FieldKind, number>>;
const kinds = Object.keys(fieldKinds) as readonly FieldKind[];

/** The row key of a version. @param id 16 bytes. @param version 1 to 2^32 - 1. */
export function valueKey(id: Uint8Array, version: number): Uint8Array {
  return new ByteWriter(id.length + 4).bytes(id).uint32(version).written().slice();
}

/** The value of a new version. */
export function newValue(fields: readonly SecretField[]): StoredValue {
  const size = fields.reduce((sum, { value }) => sum + 1 + fieldSize(value), saltBytes + 2);
  const writer = new ByteWriter(size).bytes(randomBytes(saltBytes)).uint8(fields.length >>> 8).uint8(
    fields.length & 255,
  );
  for (const { kind, value } of fields) writer.uint8(kindNumbers[kind]).field(value);
  const written = writer.written();
  const content = written.slice();
  // The writer's memory is reused.
  written.fill(0);
  return { fields, content, hash: sha256Hex(content) };
}

/** The codec of a version whose fields have these names. */
export function valueCodec(names: readonly string[]): RecordCodec<StoredValue> {
  return {
    table: "value",
    encode: ({ content }) => content,
    decode: (bytes) => decodedValue(bytes, names),
    context: (key) => lengthPrefixed(key, ...names.map(utf8)),
  };
}

function decodedValue(bytes: Uint8Array, names: readonly string[]): StoredValue | undefined {
  const reader = new ByteReader(bytes);
  reader.take(saltBytes);
  if (reader.uint16() !== names.length) return undefined;
  const fields: SecretField[] = [];
  for (const name of names) {
    const number = reader.uint8();
    const kind = kinds.find((one) => kindNumbers[one] === number);
    const value = reader.take(uint32Of(reader));
    if (kind === undefined || value === undefined) return undefined;
    fields.push({ name, kind, value });
  }
  return reader.done ? { fields, content: bytes, hash: sha256Hex(bytes) } : undefined;
}

function uint32Of(reader: ByteReader): number {
  const [high, low] = [reader.uint16(), reader.uint16()];
  return high === undefined || low === undefined ? Infinity : high * 65_536 + low;
}
