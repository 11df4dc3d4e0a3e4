import assert from "node:assert/strict";
import fc from "fast-check";
import { utf8, utf8Text } from "../../base/bytes.ts";
import { armoured, maxArmour, unarmoured } from "./armour.ts";

Deno.test("unarmoured() decodes the result of armoured(), which is one word of ASCII", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (frame) => {
    const text = armoured(frame);
    assert.match(utf8Text(text) ?? "", /^trousseau:1:[A-Za-z0-9+/]*={0,2}$/);
    assert.deepEqual(unarmoured(text), frame);
  }));
});

Deno.test("maxArmour is the size of the largest frame after armoured(), which unarmoured() decodes", () => {
  const largest = new Uint8Array(61_440);
  const text = armoured(largest);
  assert.equal(text.length, maxArmour);
  assert.deepEqual(unarmoured(text), largest);
});

Deno.test("unarmoured() accepts only the canonical form", () => {
  const text = utf8Text(armoured(Uint8Array.of(1, 2, 3, 4))) ?? "";
  const others = [
    text.slice(1),
    text.toUpperCase(),
    text.replace(":1:", ":2:"),
    `${text}\n`,
    ` ${text}`,
    `\ufeff${text}`,
    text.replace(/=+$/, ""),
    text.replace("==", "=A"),
    text.replace("A==", "B=="),
    text.slice(0, 16) + "\n" + text.slice(16),
    "vault:v1:AQIDBA==",
  ];
  for (const other of others.filter((one) => one !== text)) {
    assert.throws(() => unarmoured(utf8(other)), { code: "integrity" }, other);
  }
  assert.throws(() => unarmoured(new Uint8Array(0)), { code: "request_invalid" });
  assert.throws(() => unarmoured(new Uint8Array(maxArmour + 1)), { code: "request_invalid" });
  assert.throws(() => unarmoured(Uint8Array.of(0xff, 0xfe)), { code: "integrity" });
});
