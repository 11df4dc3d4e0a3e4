import assert from "node:assert/strict";
import { createDecipheriv, randomBytes } from "node:crypto";
import { concat, utf8 } from "../base/bytes.ts";
import { isTagged, newDek, openSeed, type SealContext, sealSeed, taggedDek, untaggedDek } from "./seal.ts";

const seed = new Uint8Array(randomBytes(32));
const context: SealContext = { purpose: "v2", threshold: 1, keyId: "t1-0", reference: new Uint8Array(32).fill(7) };

Deno.test("openSeed() opens under the same data key and context only", () => {
  const dek = newDek();
  const envelope = sealSeed(dek, seed, context);
  assert.deepEqual(openSeed(dek, envelope, context), seed);
  assert.equal(openSeed(newDek(), envelope, context), undefined);
  const others: SealContext[] = [
    { ...context, purpose: "v1beta1" },
    { ...context, purpose: "sops" },
    { ...context, keyId: "t1-1" },
    { ...context, reference: new Uint8Array(32) },
  ];
  for (const other of others) assert.equal(openSeed(dek, envelope, other), undefined);
});

Deno.test("sealSeed() writes AES-256-GCM with the additional data of format 1", () => {
  const dek = newDek();
  const { nonce, sealed } = sealSeed(dek, seed, context);
  const decipher = createDecipheriv("aes-256-gcm", dek, nonce, { authTagLength: 16 });
  const keyId = concat(Uint8Array.of(0, 0, 0, 4), utf8("t1-0"));
  decipher.setAAD(
    concat(utf8("trousseau/1"), Uint8Array.of(0, 0, 0, 2), utf8("v2"), Uint8Array.of(1), keyId, context.reference),
  );
  decipher.setAuthTag(sealed.subarray(-16));
  assert.deepEqual(concat(decipher.update(sealed.subarray(0, -16)), decipher.final()), seed);
});

Deno.test("untaggedDek() takes back what taggedDek() made and nothing else", () => {
  const dek = newDek();
  const tagged = taggedDek(dek, "v2");
  assert.equal(tagged.length, 47);
  assert.deepEqual(untaggedDek(tagged, "v2"), dek);
  for (
    const other of [
      dek,
      tagged.slice(1),
      concat(tagged, Uint8Array.of(0)),
      concat(utf8("trousseau-dek-2"), dek),
      new Uint8Array(0),
    ]
  ) {
    assert.equal(untaggedDek(other, "v2"), undefined);
  }
});

Deno.test("untaggedDek() tells the data keys of files from those of seeds, and both are ours", () => {
  const dek = newDek();
  const [seeds, files] = [taggedDek(dek, "v2"), taggedDek(dek, "sops")];
  assert.deepEqual(files, concat(utf8("trousseau-sop-1"), dek));
  assert.deepEqual([untaggedDek(files, "sops"), untaggedDek(seeds, "v2")], [dek, dek]);
  assert.deepEqual([untaggedDek(files, "v2"), untaggedDek(seeds, "sops")], [undefined, undefined]);
  assert.deepEqual([seeds, files, dek].map(isTagged), [true, true, false]);
});
