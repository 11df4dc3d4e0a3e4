import { doesNotThrow, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import {
  answerChecker,
  checkFrame,
  checkFrameAnswer,
  checkKeyId,
  checkPlaintext,
  checkSealed,
} from "./request_limits.ts";

const good = { ciphertext: new Uint8Array(100), key_id: "t1-a", annotations: { "vault.wrap.test": new Uint8Array(9) } };
const invalid = { code: "request_invalid" };
const broken = { code: "internal" };

Deno.test("checkPlaintext() accepts 1 to 900 bytes", () => {
  for (const size of [1, 4, 32, 900]) doesNotThrow(() => checkPlaintext(new Uint8Array(size)));
  throws(() => checkPlaintext(new Uint8Array(0)), { ...invalid, message: "Cannot encrypt: the plaintext is empty." });
  throws(() => checkPlaintext(new Uint8Array(901)), {
    ...invalid,
    message: "Cannot encrypt: the plaintext has 901 bytes, more than 900.",
  });
});

Deno.test("checkFrame() and checkFrameAnswer() accept 1 byte to 60 KiB", () => {
  for (const size of [1, 60 * 1024]) {
    doesNotThrow(() => checkFrame(new Uint8Array(size)));
    equal(checkFrameAnswer(new Uint8Array(size)).length, size);
  }
  for (const size of [0, 60 * 1024 + 1]) {
    throws(() => checkFrame(new Uint8Array(size)), invalid);
    throws(() => checkFrameAnswer(new Uint8Array(size)), broken);
  }
});

Deno.test("checkKeyId() counts bytes, not characters", () => {
  equal(checkKeyId("x".repeat(1024)).length, 1024);
  throws(() => checkKeyId(""), broken);
  throws(() => checkKeyId("x".repeat(1025)), broken);
  throws(() => checkKeyId("é".repeat(513)), broken);
});

Deno.test("checkSealed() and answerChecker() have the same limits, one for requests and one for answers", () => {
  const bad = [
    { ciphertext: new Uint8Array(0) },
    { ciphertext: new Uint8Array(1025) },
    { key_id: "" },
    { key_id: "x".repeat(1025) },
    { annotations: { "a.b": new Uint8Array(32 * 1024 - 2) } },
    ...["", "a", "A.b", ".a.b", "a..b", "a_b.c", "-a.b", "a-.b", "a.b c", `${"x".repeat(64)}.b`, "é.b"].map(
      (key) => ({ annotations: { [key]: new Uint8Array(1) } }),
    ),
    { annotations: { [`${"abcdefg.".repeat(32)}b`]: new Uint8Array(1) } },
  ];
  for (const part of bad) {
    throws(() => checkSealed({ ...good, ...part, uid: "" }), invalid, JSON.stringify(Object.keys(part)));
    throws(() => answerChecker()({ ...good, ...part }), broken);
  }
});

Deno.test("answerChecker() accepts values at the limits, and returns them unchanged", () => {
  const annotations = { "a.b": new Uint8Array(32 * 1024 - 3) };
  const full = { ciphertext: new Uint8Array(1024), key_id: "x".repeat(1024), annotations };
  equal(answerChecker()(full), full);
  doesNotThrow(() => checkSealed({ ...full, uid: "" }));
  doesNotThrow(() => checkSealed({ ...good, annotations: {}, uid: "" }));
});

Deno.test("checkSealed() refuses any flood of annotations above 32 KiB in all", () => {
  fc.assert(
    fc.property(fc.integer({ min: 2000, max: 4000 }), fc.integer({ min: 20, max: 40 }), (count, size) => {
      const annotations = Object.fromEntries(
        Array.from({ length: count }, (_, i) => [`a${i}.test`, new Uint8Array(size)]),
      );
      throws(() => checkSealed({ ...good, annotations, uid: "" }), { message: /more than 32768 bytes/ });
    }),
    { numRuns: 20 },
  );
});

Deno.test("answerChecker() checks annotations again unless they are frozen", () => {
  const check = answerChecker();
  const answer = (annotations: Record<string, Uint8Array>) => ({
    ciphertext: new Uint8Array(1),
    key_id: "t1-0",
    annotations,
  });
  const annotations: Record<string, Uint8Array> = { "a.example": new Uint8Array(1) };
  check(answer(annotations));
  annotations["no domain"] = new Uint8Array(1);
  throws(() => check(answer(annotations)), /not a lowercase domain name/);
  const frozen = Object.freeze({ "a.example": new Uint8Array(1) });
  check(answer(frozen));
  equal(check(answer(frozen)).annotations, frozen);
  throws(() => check({ ...answer(frozen), ciphertext: new Uint8Array(0) }), /the ciphertext is empty/);
  throws(() => check({ ...answer(frozen), key_id: "" }), /the key_id is empty/);
});
