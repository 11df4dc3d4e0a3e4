import assert from "node:assert/strict";
import { createDecipheriv, randomBytes } from "node:crypto";
import { concat, utf8 } from "../base/bytes.ts";
import { decodeEnvelope, encodeEnvelope } from "./format.ts";
import {
  bound,
  isTagged,
  maxUsesOfDek,
  newDek,
  openSeed,
  type SealContext,
  SealContexts,
  sealEnvelope,
  taggedDek,
  untaggedDek,
} from "./seal.ts";

const seed = new Uint8Array(randomBytes(32));
const context: SealContext = { purpose: "v2", threshold: 1, keyId: "t1-0", reference: new Uint8Array(32).fill(7) };

const sealedParts = (...of: Parameters<typeof sealEnvelope>) => decodeEnvelope(sealEnvelope(...of));

Deno.test("openSeed() opens under the same data key and context only", () => {
  const dek = newDek();
  const envelope = sealedParts(dek, seed, context);
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

Deno.test("newDek() gives 32 bytes that never come again", () => {
  assert.equal(newDek().length, 32);
  assert.notDeepEqual(newDek(), newDek());
});

Deno.test("openSeed() under a context of bound() reads what sealEnvelope() wrote without, and the other way round", () => {
  const dek = newDek();
  // No text has more bytes for each of its units, and none is shorter than the empty one.
  for (const keyId of ["€".repeat(20), ""]) {
    const plain: SealContext = { ...context, keyId };
    for (const [one, other] of [[plain, bound(plain)], [bound(plain), plain]] as const) {
      assert.deepEqual(openSeed(dek, sealedParts(dek, seed, one), other), seed);
    }
    assert.equal(openSeed(dek, sealedParts(dek, seed, bound(plain)), bound(context)), undefined);
  }
});

Deno.test("bound() stays as it is, whatever is sealed after it", () => {
  const dek = newDek();
  const one = bound(context);
  const envelope = sealedParts(dek, seed, one);
  for (let i = 0; i < 2000; i++) sealEnvelope(dek, seed, { ...context, keyId: `t1-${i}` });
  assert.deepEqual(openSeed(dek, envelope, one), seed);
});

Deno.test("sealEnvelope() writes reference and threshold of its context, and a nonce of its own each time", () => {
  const dek = newDek();
  const [one, other] = [sealedParts(dek, seed, context), sealedParts(dek, seed, context)];
  assert.deepEqual([one.threshold, one.reference, one.nonce.length, one.sealed.length], [1, context.reference, 12, 48]);
  assert.notDeepEqual(one.nonce, other.nonce);
});

Deno.test("openSeed() refuses every changed byte", () => {
  const dek = newDek();
  const { sealed, nonce, ...rest } = sealedParts(dek, seed, context);
  const flipped = (bytes: Uint8Array, at: number) => Uint8Array.from(bytes).with(at, (bytes[at] ?? 0) ^ 1);
  for (let at = 0; at < sealed.length; at++) {
    assert.equal(openSeed(dek, { ...rest, nonce, sealed: flipped(sealed, at) }, context), undefined);
  }
  for (let at = 0; at < nonce.length; at++) {
    assert.equal(openSeed(dek, { ...rest, sealed, nonce: flipped(nonce, at) }, context), undefined);
  }
});

Deno.test("openSeed() takes a data key of another length for a mistake of ours", () => {
  const envelope = sealedParts(newDek(), seed, context);
  for (const length of [0, 16, 31, 33]) {
    assert.throws(() => openSeed(new Uint8Array(length), envelope, context), { name: "KmsError", code: "internal" });
  }
});

Deno.test("A data key seals 1,048,576 seeds at most, as docs/format.md says", () => {
  assert.equal(maxUsesOfDek, 1_048_576);
});

Deno.test("sealEnvelope() writes AES-256-GCM with the additional data of format 1, for every purpose", () => {
  const dek = newDek();
  for (const purpose of ["v2", "v1beta1", "sops", "sentinel"] as const) {
    const { nonce, sealed } = sealedParts(dek, seed, { ...context, purpose });
    const field = (text: string) => concat(Uint8Array.of(0, 0, 0, text.length), utf8(text));
    const decipher = createDecipheriv("aes-256-gcm", dek, nonce, { authTagLength: 16 })
      .setAAD(concat(utf8("trousseau/1"), field(purpose), Uint8Array.of(1), field("t1-0"), context.reference));
    decipher.setAuthTag(sealed.subarray(-16));
    assert.deepEqual(concat(decipher.update(sealed.subarray(0, -16)), decipher.final()), seed);
  }
});

Deno.test("sealEnvelope() writes what encodeEnvelope() writes of the same parts, for any size", () => {
  const dek = newDek();
  for (const size of [1, 15, 16, 17, 32, 900]) {
    const plaintext = new Uint8Array(randomBytes(size));
    const bytes = sealEnvelope(dek, plaintext, context);
    const envelope = decodeEnvelope(bytes);
    assert.deepEqual(encodeEnvelope(envelope), bytes);
    assert.deepEqual(openSeed(dek, envelope, context), plaintext);
  }
});

Deno.test("SealContexts.of() gives the context of each envelope, whichever came before it", () => {
  const contexts = new SealContexts();
  const reference = new Uint8Array(32).fill(7);
  const first = contexts.of("v2", "t1-0", { threshold: 1, reference });
  assert.deepEqual(first, bound(context));
  assert.equal(contexts.of("v2", "t1-0", { threshold: 1, reference: reference.slice() }), first);
  // The reference of a request is a view of memory that is used again.
  reference.fill(9);
  assert.deepEqual(contexts.of("v2", "t1-0", { threshold: 1, reference: new Uint8Array(32).fill(7) }), bound(context));
  for (const purpose of ["v2", "v1beta1"] as const) {
    for (const keyId of ["t1-0", "t1-1", ""]) {
      for (const fill of [7, 8, 7]) {
        const one: SealContext = { purpose, threshold: 1, keyId, reference: new Uint8Array(32).fill(fill) };
        assert.deepEqual(contexts.of(purpose, keyId, one), bound(one));
      }
    }
  }
});
