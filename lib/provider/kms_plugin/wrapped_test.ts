import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { sha256 } from "../../base/bytes.ts";
import { answerLimits } from "../../api/kms/limits.ts";
import { providerLimits } from "../provider.ts";
import { versionOf } from "./version.ts";
import { decodeWrapped, encodeWrapped } from "./wrapped.ts";

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);
const keys = fc.array(label, { minLength: 2, maxLength: 4 }).map((labels) => labels.join("."));
const bytes = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength });
const answers = fc.record({
  key_id: fc.string({ unit: "grapheme", minLength: 1, maxLength: 80 }).filter((text) => text.isWellFormed()),
  ciphertext: bytes(1, 200),
  annotations: fc.dictionary(keys, bytes(0, 80), { maxKeys: 5, noNullPrototype: true }),
});

function encoded(answer: Parameters<typeof encodeWrapped>[0]): Uint8Array {
  const found = encodeWrapped(answer);
  ok(found !== undefined);
  return found;
}

Deno.test("decodeWrapped() gives back what encodeWrapped() was given, in whatever order the annotations came", () => {
  fc.assert(fc.property(answers, (answer) => {
    const wrapped = encoded(answer);
    const found = decodeWrapped(wrapped);
    ok(found !== undefined);
    deepEqual({ ...found, ciphertext: new Uint8Array(found.ciphertext) }, answer);
    const annotations = Object.fromEntries(Object.entries(answer.annotations).reverse());
    deepEqual(encoded({ ...answer, annotations }), wrapped);
  }));
});

Deno.test("decodeWrapped() refuses every flipped byte, every truncation and every byte more", () => {
  fc.assert(
    fc.property(answers, fc.integer({ min: 1, max: 255 }), (answer, mask) => {
      const wrapped = encoded(answer);
      for (let at = 0; at < wrapped.length; at++) {
        const changed = wrapped.slice();
        changed[at] = (changed[at] ?? 0) ^ mask;
        equal(decodeWrapped(changed), undefined, `byte ${at}`);
        equal(decodeWrapped(wrapped.subarray(0, at)), undefined, `cut to ${at}`);
      }
      equal(decodeWrapped(Uint8Array.of(...wrapped, mask)), undefined);
    }),
    { numRuns: 20 },
  );
});

Deno.test("decodeWrapped() never throws, and what it takes has one form", () => {
  fc.assert(fc.property(bytes(0, 300), (found) => equal(decodeWrapped(found), undefined)));
  fc.assert(fc.property(answers, bytes(0, 40), fc.nat(), (answer, noise, at) => {
    // Under a good hash, so that the parser itself is tried: whoever writes to etcd can make one.
    const body = encoded(answer).slice(0, -16);
    body.set(noise.subarray(0, Math.max(0, body.length - at % body.length)), at % body.length);
    const sealed = withHash(body);
    const read = decodeWrapped(sealed);
    if (read !== undefined) deepEqual(encoded(read), sealed);
  }));
});

Deno.test("decodeWrapped() refuses what no plugin may have answered", () => {
  const good = { key_id: "k", ciphertext: new Uint8Array(1), annotations: {} };
  const bad = [
    { key_id: "" },
    { key_id: "k".repeat(1025) },
    { ciphertext: new Uint8Array(0) },
    { ciphertext: new Uint8Array(1025) },
    { annotations: { Nope: new Uint8Array(1) } },
  ];
  for (const part of bad) equal(decodeWrapped(encoded({ ...good, ...part })), undefined);
});

Deno.test("decodeWrapped() refuses annotations in another order, twice, or with a key that is not text, under a good hash", () => {
  const annotation = (...key: number[]) => [key.length, ...key, 0, 1, 7];
  const [a, b] = [annotation(0x61, 0x2e, 0x61), annotation(0x62, 0x2e, 0x62)];
  const read = (...annotations: number[][]) =>
    decodeWrapped(withHash(Uint8Array.of(1, 0, 1, 0x6b, 0, 1, 5, annotations.length, ...annotations.flat())));
  deepEqual(Object.keys(read(a, b)?.annotations ?? {}), ["a.a", "b.b"]);
  for (const others of [[b, a], [a, a], [a, b, b], [annotation(0x61, 0x2e, 0xff)], [annotation()]]) {
    equal(read(...others), undefined, JSON.stringify(others));
  }
});

Deno.test("encodeWrapped() has a form for 255 annotations, which decodeWrapped() reads", () => {
  const names = Array.from({ length: 255 }, (_, i) => `a${i}.b`);
  const annotations = Object.fromEntries(names.map((name) => [name, Uint8Array.of(1)]));
  const found = decodeWrapped(encoded({ key_id: "k", ciphertext: new Uint8Array(1), annotations }));
  deepEqual(Object.keys(found?.annotations ?? {}).sort(), names.sort());
});

Deno.test("encodeWrapped() has a form for the largest answer without annotations, within what a wrap may have", () => {
  const key_id = "x".repeat(answerLimits.keyId);
  const largest = encoded({ key_id, ciphertext: new Uint8Array(answerLimits.ciphertext), annotations: {} });
  ok(largest.length < providerLimits.ciphertext);
  const many = Object.fromEntries(Array.from({ length: 256 }, (_, i) => [`a${i}.b`, new Uint8Array(1)]));
  equal(encodeWrapped({ key_id, ciphertext: new Uint8Array(1), annotations: many }), undefined);
});

Deno.test("versionOf() keeps short plain key IDs, hashes others, and keeps all apart", () => {
  equal(versionOf("t1-0123"), "t1-0123");
  equal(versionOf("x".repeat(256)).length, 256);
  const hashed = ["x".repeat(257), "x".repeat(1024), "two words", "é", "a\nb", "sha256:abc", versionOf("é")];
  for (const keyId of hashed) ok(/^sha256:[0-9a-f]{64}$/.test(versionOf(keyId)), keyId);
  equal(new Set(hashed.map(versionOf)).size, hashed.length);
});

function withHash(body: Uint8Array): Uint8Array {
  return Uint8Array.of(...body, ...sha256(body).subarray(0, 16));
}

Deno.test("decodeWrapped() keeps a byte order mark of a key ID", () => {
  const answer = { key_id: "\ufeffk", ciphertext: Uint8Array.of(1), annotations: {} };
  equal(decodeWrapped(encoded(answer))?.key_id, answer.key_id);
});
