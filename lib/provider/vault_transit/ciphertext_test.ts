import { deepEqual, equal } from "node:assert/strict";
import fc from "fast-check";
import { base64, fromBase64, utf8 } from "../../base/bytes.ts";
import { parseCiphertext, parseVersion, prefixVersion, versionName } from "./ciphertext.ts";

Deno.test("parseVersion() reads what versionName() wrote, in its one form", () => {
  equal(versionName({ number: 3, createdAt: 1_700_000_000 }), "3@1700000000");
  for (const version of [{ number: 1, createdAt: 0 }, { number: 999_999_999, createdAt: 999_999_999_999 }]) {
    deepEqual(parseVersion(versionName(version)), version);
  }
  for (const name of ["", "3", "3@", "@1", "0@1", "03@1", "3@01", "3@1 ", "v3@1", "1234567890@1", "3@1234567890123"]) {
    equal(parseVersion(name), undefined, name);
  }
});

Deno.test("prefixVersion() reads the number of a transit ciphertext of up to 4 KiB", () => {
  equal(prefixVersion("vault:v12:QUJD"), 12);
  equal(prefixVersion("vault:v999999999:QUI="), 999_999_999);
  const longest = `vault:v1234:${base64(new Uint8Array(3063))}`;
  const longer = `vault:v1:${base64(new Uint8Array(3064))}`;
  deepEqual([longest.length, prefixVersion(longest)], [4096, 1234]);
  deepEqual([longer.length, prefixVersion(longer)], [4097, undefined]);
});

Deno.test("prefixVersion() takes one spelling of base64, and nothing around it", () => {
  const good = "vault:v1:QUI=";
  for (
    const text of [
      "",
      "vault:v1:",
      "vault:v0:QUI=",
      "vault:v01:QUI=",
      "vault:v:QUI=",
      "vault:v1234567890:QUI=",
      "vault:v1:QUJ=",
      "vault:v1:QUI",
      "vault:v1:QU_=",
      ` ${good}`,
      `${good}\n`,
      "Vault:v1:QUI=",
    ]
  ) {
    equal(prefixVersion(text), undefined, text);
  }
});

Deno.test("prefixVersion() takes the texts that have no other spelling", () => {
  const digit = fc.constantFrom(..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=");
  fc.assert(
    fc.property(fc.array(digit, { minLength: 4, maxLength: 8 }), (digits) => {
      const sealed = digits.join("");
      equal(prefixVersion(`vault:v1:${sealed}`), fromBase64(sealed) === undefined ? undefined : 1, sealed);
    }),
    { numRuns: 5000 },
  );
  for (const one of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
    for (const sealed of [`Q${one}==`, `QU${one}=`, `QUI${one}`]) {
      equal(prefixVersion(`vault:v1:${sealed}`), fromBase64(sealed) === undefined ? undefined : 1, sealed);
    }
  }
});

Deno.test("parseCiphertext() reads bytes that are the text of a transit ciphertext", () => {
  deepEqual(parseCiphertext(utf8("vault:v7:QUI=")), { text: "vault:v7:QUI=", number: 7 });
  equal(parseCiphertext(utf8("vault:v7:")), undefined);
  equal(parseCiphertext(Uint8Array.of(...utf8("vault:v7:QUI="), 0xff)), undefined, "no UTF-8");
  equal(parseCiphertext(utf8("\ufeffvault:v7:QUI=")), undefined, "a byte order mark");
});
