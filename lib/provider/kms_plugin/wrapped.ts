/**
 * What another plugin gave back for a data key, as bytes: all of it has to be handed in again to open it.
 *
 * | bytes | what                                                                                          |
 * | ----- | --------------------------------------------------------------------------------------------- |
 * | 1     | the format: 1                                                                                 |
 * | 2 + n | the key_id, 1 to 1,024 bytes of UTF-8                                                         |
 * | 2 + n | the ciphertext, 1 to 1,024 bytes                                                              |
 * | 1     | how many annotations follow                                                                   |
 * | 1 + n | an annotation's key: a lowercase domain name, each greater than the one before it             |
 * | 2 + n | its value                                                                                     |
 * | 16    | the first bytes of SHA-256 over all before: what was damaged is known without asking anybody  |
 *
 * Lengths are big-endian and stand before what they measure. One answer has one form, and every other one is refused. The
 * hash is no protection against whoever writes such bytes on purpose; that is what the envelope around them is for.
 *
 * @module
 */
import { ByteReader, compareTexts, concat, equalBytes, exactText, sha256, uint16, utf8 } from "../../base/bytes.ts";
import { complaintAboutSealed } from "../../api/kms/limits.ts";
import type { EncryptResponse } from "../../api/kms/messages.ts";

const format = 1;
const hashBytes = 16;
const maxAnnotations = 255;

/** The bytes of an answer that is within kube-apiserver's limits; `undefined` if it has too many annotations to be kept. */
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

/** The answer that {@linkcode encodeWrapped} made such bytes of; `undefined` for all others. */
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
