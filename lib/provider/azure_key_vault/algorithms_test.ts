import assert from "node:assert/strict";
import * as fc from "fast-check";
import { isKeyType, toWrap, unwrapAlgorithms, unwrapped, wrapAlgorithm } from "./algorithms.ts";

const deks = fc.uint8Array({ minLength: 1, maxLength: 64 });

Deno.test("toWrap() uses a frame of whole blocks that never repeats for AES-KW, and unwrapped() removes it", () => {
  fc.assert(fc.property(deks, (dek) => {
    const [frame, other] = [toWrap("A256KW", dek), toWrap("A256KW", dek)];
    assert.equal(frame.length % 8, 0);
    assert.notDeepEqual(frame, other);
    assert.deepEqual(unwrapped("A256KW", frame), dek);
    assert.deepEqual(unwrapAlgorithms(new Uint8Array(frame.length + 8), ["RSA1_5"]), ["A256KW"]);
  }));
});

Deno.test("toWrap() passes a data key to RSA unchanged", () => {
  fc.assert(fc.property(deks, (dek) => {
    assert.deepEqual(toWrap("RSA-OAEP-256", dek), dek);
    for (const algorithm of ["RSA-OAEP-256", "RSA-OAEP", "RSA1_5"] as const) {
      assert.deepEqual(unwrapped(algorithm, dek), dek);
    }
  }));
});

Deno.test("unwrapped() rejects bytes without a frame, and a data key that is too long or empty", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
    const dek = unwrapped("A256KW", bytes);
    if (dek === undefined) return;
    assert.ok(dek.length >= 1 && dek.length <= 64 && bytes.length === Math.ceil((17 + dek.length) / 8) * 8);
  }));
  const frame = toWrap("A256KW", new Uint8Array(47));
  assert.equal(unwrapped("A256KW", frame.with(16, 48)), undefined, "longer than the frame");
  assert.equal(unwrapped("A256KW", frame.with(16, 0)), undefined, "nothing in it");
  assert.equal(
    unwrapped("A256KW", toWrap("A256KW", new Uint8Array(46)).with(63, 1)),
    undefined,
    "padding that is not zero",
  );
  for (const length of [0, 65]) assert.equal(unwrapped("RSA-OAEP-256", new Uint8Array(length)), undefined);
});

Deno.test("unwrapAlgorithms() depends on the size, and never includes an old algorithm that is not configured", () => {
  for (const size of [256, 384, 512]) {
    assert.deepEqual(unwrapAlgorithms(new Uint8Array(size), []), ["RSA-OAEP-256"]);
    assert.deepEqual(unwrapAlgorithms(new Uint8Array(size), ["RSA-OAEP"]), ["RSA-OAEP-256", "RSA-OAEP"]);
  }
  for (const size of [0, 8, 24, 33, 104, 128, 255, 257]) {
    assert.deepEqual(unwrapAlgorithms(new Uint8Array(size), ["RSA-OAEP", "RSA1_5"]), []);
  }
});

Deno.test("unwrapAlgorithms() includes A256KW for data keys of 1 and of 64 bytes, and for no block fewer or more", () => {
  const framed = [1, 64].map((length) => toWrap("A256KW", new Uint8Array(length)).length);
  assert.deepEqual(framed, [24, 88]);
  const found = [16, 24, 88, 96].map((length) => unwrapAlgorithms(new Uint8Array(length + 8), []));
  assert.deepEqual(found, [[], ["A256KW"], ["A256KW"], []]);
});

Deno.test("wrapAlgorithm() has a row for every type that can wrap", () => {
  const types = ["RSA", "RSA-HSM", "oct", "oct-HSM"].filter(isKeyType);
  assert.deepEqual(types.map(wrapAlgorithm), ["RSA-OAEP-256", "RSA-OAEP-256", "A256KW", "A256KW"]);
  for (const kty of ["EC", "EC-HSM", "toString", "", undefined, 7]) assert.ok(!isKeyType(kty));
});
