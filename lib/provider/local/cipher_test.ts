import assert from "node:assert/strict";
import { createDecipheriv } from "node:crypto";
import fc from "fast-check";
import { localOverhead, unwrapLocally, wrapLocally } from "./cipher.ts";
import { newLocalKey } from "./key_file.ts";

const key = newLocalKey();
const dek = crypto.getRandomValues(new Uint8Array(47));

Deno.test("unwrapLocally() decrypts the output of wrapLocally(), of any size", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), (bytes) => {
    const wrapped = wrapLocally(key, bytes);
    assert.equal(wrapped.length, bytes.length + localOverhead);
    assert.deepEqual(unwrapLocally(key, wrapped), bytes);
  }));
});

Deno.test("unwrapLocally() refuses every flipped bit and every other length", () => {
  const wrapped = wrapLocally(key, dek);
  for (let bit = 0; bit < wrapped.length * 8; bit++) {
    const flipped = wrapped.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.equal(unwrapLocally(key, flipped), undefined, `bit ${bit}`);
  }
  for (let length = 0; length < wrapped.length; length++) {
    assert.equal(unwrapLocally(key, wrapped.subarray(0, length)), undefined, `${length} bytes`);
  }
  assert.equal(unwrapLocally(key, new Uint8Array([...wrapped, 0])), undefined);
});

Deno.test("unwrapLocally() refuses a data key of no bytes, whose tag is correct", () => {
  const wrapped = wrapLocally(key, new Uint8Array(0));
  assert.equal(wrapped.length, localOverhead);
  assert.equal(unwrapLocally(key, wrapped), undefined);
});

Deno.test("unwrapLocally() refuses the same material under another ID", () => {
  assert.equal(unwrapLocally({ ...key, id: "0".repeat(16) }, wrapLocally(key, dek)), undefined);
});

Deno.test("wrapLocally() draws a new nonce each time", () => {
  const nonces = Array.from({ length: 100 }, () => wrapLocally(key, dek).subarray(0, 12).toHex());
  assert.equal(new Set(nonces).size, 100);
});

Deno.test("wrapLocally() writes nonce, ciphertext, tag under AES-256-GCM with purpose and ID as additional data", () => {
  const wrapped = wrapLocally(key, dek);
  const decipher = createDecipheriv("aes-256-gcm", key.material, wrapped.subarray(0, 12));
  decipher.setAAD(new TextEncoder().encode(`\0\0\0\x16trousseau-local-wrap-1\0\0\0\x10${key.id}`));
  decipher.setAuthTag(wrapped.subarray(-16));
  const opened = decipher.update(wrapped.subarray(12, -16));
  decipher.final();
  assert.deepEqual(new Uint8Array(opened), dek);
});
