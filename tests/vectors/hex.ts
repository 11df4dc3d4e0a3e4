/**
 * Values of the vector files as the code takes them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { LocalKey } from "../../lib/provider/local/key_file.ts";

/** The bytes of lowercase hexadecimal, and of nothing else. */
export function bytesOf(hex: string): Uint8Array {
  const bytes = new Uint8Array(Buffer.from(hex, "hex"));
  assert.equal(Buffer.from(bytes).toString("hex"), hex, "a value of a vector file is not lowercase hexadecimal");
  return bytes;
}

/** The same for an object's values; one that is absent in this case of a file is left out. */
export function hexValues(texts: Readonly<Record<string, string | undefined>>): Record<string, Uint8Array> {
  return Object.fromEntries(
    Object.entries(texts).flatMap(([key, text]) => text === undefined ? [] : [[key, bytesOf(text)]]),
  );
}

/** The local key that a vector's wrap names. */
export function localKeyOf({ version, localKeyHex }: { version: string; localKeyHex: string }): LocalKey {
  return { id: version, createdAt: 0, material: bytesOf(localKeyHex) };
}
