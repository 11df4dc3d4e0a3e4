/**
 * The encoding of another plugin's EncryptResponse for a data key. Decrypt needs all of its fields again.
 *
 * | bytes | field                                                                                     |
 * | ----- | ----------------------------------------------------------------------------------------- |
 * | 1     | format: 1                                                                                 |
 * | 2 + n | `key_id`, 1 to 1,024 bytes of UTF-8                                                       |
 * | 2 + n | ciphertext, 1 to 1,024 bytes                                                              |
 * | 1     | number of annotations                                                                     |
 * | 1 + n | key of an annotation: a lowercase domain name; the keys are in strictly ascending order   |
 * | 2 + n | value of the annotation                                                                   |
 * | 16    | first bytes of SHA-256 over all bytes before; detects damage without a request            |
 *
 * Each length is big-endian and stands before its field. The encoding is canonical: a response has one encoding, and all
 * other bytes are refused. The hash does not authenticate; the envelope around these bytes does.
 *
 * @module
 */
import { ByteReader, compareTexts, concat, equalBytes, exactText, sha256, uint16, utf8 } from "../../base/bytes.ts";
import { complaintAboutSealed } from "../../api/kms/limits.ts";
import type { EncryptResponse } from "../../api/kms/messages.ts";

const format = 1;
const hashBytes = 16;
const maxAnnotations = 255;

/** Encodes a response within kube-apiserver's limits; `undefined` if it has more than 255 annotations. */
export function encodeWrapped({ key_id: keyId, ciphertext, annotations }: EncryptResponse): Uint8Array | undefined {
  const entries = Object.entries(annotations).sort(([a], [b]) => compareTexts(a, b));
  if (entries.length > maxAnnotations) return undefined;
  const body = concat(
    Uint8Array.of(format),
    field16(utf8(keyId)),
    field16(ciphertext),
    Uint8Array.of(entries.length),
    ...entries.flatMap(([key, value]) => [Uint8Array.of(key.length), utf8(key), field16(value)]),
  );
  return concat(body, hashOf(body));
}

/** Decodes bytes of {@linkcode encodeWrapped}; `undefined` for all other bytes. */
export function decodeWrapped(bytes: Uint8Array): EncryptResponse | undefined {
  const body = bytes.subarray(0, -hashBytes);
  if (!equalBytes(bytes.subarray(body.length), hashOf(body))) return undefined;
  const reader = new ByteReader(body);
  const isOurs = reader.uint8() === format;
  const keyId = textOf(reader.field16());
  const ciphertext = reader.field16();
  const annotations = readAnnotations(reader);
  if (!isOurs || keyId === undefined || ciphertext === undefined || annotations === undefined) return undefined;
  const answer = { key_id: keyId, ciphertext, annotations };
  return reader.done && complaintAboutSealed(answer) === undefined ? answer : undefined;
}

function readAnnotations(reader: ByteReader): EncryptResponse["annotations"] | undefined {
  const entries: [string, Uint8Array][] = [];
  const count = reader.uint8() ?? 0;
  for (let left = count; left > 0; left--) {
    const key = textOf(reader.field8());
    const value = reader.field16();
    if (key === undefined || value === undefined) return undefined;
    if (key <= (entries.at(-1)?.[0] ?? "")) return undefined;
    entries.push([key, value]);
  }
  return Object.fromEntries(entries);
}

function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes && exactText(bytes);
}

function field16(bytes: Uint8Array): Uint8Array {
  return concat(uint16(bytes.length), bytes);
}

function hashOf(body: Uint8Array): Uint8Array {
  return sha256(body).subarray(0, hashBytes);
}
