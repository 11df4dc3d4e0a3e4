import { deepEqual, equal, match } from "node:assert/strict";
import fc from "fast-check";
import { parsePrivateKey, parsePublicKey, privateKeyText, publicKeyText, recipientFingerprint } from "./key_text.ts";

const privateKey = Uint8Array.from({ length: 32 }, (_, at) => at);

Deno.test("privateKeyText() is in capital letters and groups of five, and parsePrivateKey() takes it in any spacing", () => {
  const text = privateKeyText(privateKey);
  match(text, /^TROUSSEAU-RECOVERY-KEY-1 ([0-9A-Z]{5} )*[0-9A-Z]{1,5}$/);
  for (const written of [text, text.replaceAll(" ", ""), text.toLowerCase(), `\n${text.replaceAll(" ", "\n")}\n`]) {
    deepEqual(parsePrivateKey(written), privateKey);
  }
});

Deno.test("parsePrivateKey() finds every misread character", () => {
  const text = privateKeyText(privateKey).replaceAll(" ", "");
  for (let at = 0; at < text.length; at++) {
    for (const other of ["Q", "7", "-"]) {
      const changed = text.slice(0, at) + other + text.slice(at + 1);
      if (changed !== text) equal(parsePrivateKey(changed), undefined, changed);
    }
    equal(parsePrivateKey(text.slice(0, at)), undefined, "cut off");
  }
});

Deno.test("parsePublicKey() gives back what publicKeyText() encoded, and neither half passes for the other", () => {
  const publicKey = fc.uint8Array({ minLength: 1216, maxLength: 1216 });
  fc.assert(
    fc.property(publicKey, (key) => {
      deepEqual(parsePublicKey(publicKeyText(key)), key);
      equal(parsePrivateKey(publicKeyText(key)), undefined);
    }),
    { numRuns: 20 },
  );
  equal(parsePublicKey(privateKeyText(privateKey).toLowerCase().replaceAll(" ", "")), undefined);
});

Deno.test("parsePrivateKey() and parsePublicKey() are total", () => {
  fc.assert(fc.property(fc.string(), (text) => {
    equal(parsePrivateKey(text), undefined);
    equal(parsePublicKey(`trousseau-recovery1${text}`), undefined);
  }));
});

Deno.test("recipientFingerprint() is 8 groups of 4 hexadecimal digits", () => {
  match(recipientFingerprint(new Uint8Array(1216)), /^([0-9a-f]{4}-){7}[0-9a-f]{4}$/);
});
