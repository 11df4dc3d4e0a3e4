import assert from "node:assert/strict";
import fc from "fast-check";
import { distance, nearest } from "./nearest.ts";

Deno.test("distance() counts letters put in, taken out, changed and swapped", () => {
  for (
    const [from, to, expected] of [
      ["", "", 0],
      ["", "abc", 3],
      ["socket", "socket", 0],
      ["socket", "sokcet", 1],
      ["socket", "sockt", 1],
      ["socket", "sockets", 1],
      ["socket", "rocket", 1],
      ["kitten", "sitting", 3],
      ["ca", "abc", 3],
    ] as const
  ) assert.equal(distance(from, to), expected, `${from} ${to}`);
});

Deno.test("distance() is the same both ways, zero for equal texts only, and at most the longer text", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 8 });
  fc.assert(fc.property(word, word, (a, b) => {
    const away = distance(a, b);
    assert.equal(away, distance(b, a));
    assert.equal(away === 0, a === b);
    assert.ok(away <= Math.max(a.length, b.length));
    assert.ok(away >= Math.abs(a.length - b.length));
  }));
});

Deno.test("nearest() finds what was meant", () => {
  const kinds = ["local", "vault-transit"];
  assert.equal(nearest("locla", kinds), "local");
  assert.equal(nearest("vault", kinds), "vault-transit");
  assert.equal(nearest("VaultTransit", kinds), "vault-transit");
  assert.equal(nearest("vault_tranist", kinds), "vault-transit");
  assert.equal(nearest("keyfile", ["key", "keyFile"]), "keyFile");
});

Deno.test("nearest() stays silent where nothing is near", () => {
  const kinds = ["local", "vault-transit"];
  for (const word of ["", "-", "aws-kms", "x", "v", "x".repeat(100_000)]) assert.equal(nearest(word, kinds), undefined);
  assert.equal(nearest("local", []), undefined);
});
