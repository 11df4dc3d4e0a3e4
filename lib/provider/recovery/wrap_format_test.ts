import { deepEqual, equal } from "node:assert/strict";
import fc from "fast-check";
import { decodeRecoveryWrap, encodeRecoveryWrap, maxRecipients, maxRecoveryWrap } from "./wrap_format.ts";
import { maxWrapOf } from "../registry.ts";
import { providerLimits } from "../provider.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

const wraps = fc.integer({ min: 1, max: 64 }).chain((dek) =>
  fc.array(fc.record({ id: bytes(8), encapsulated: bytes(1120), ciphertext: bytes(dek + 16) }), {
    minLength: 1,
    maxLength: maxRecipients,
  })
);

Deno.test("decodeRecoveryWrap() gives back what encodeRecoveryWrap() encoded, and refuses it cut or longer", () => {
  fc.assert(
    fc.property(wraps, fc.nat(), (list, at) => {
      const encoded = encodeRecoveryWrap(list);
      deepEqual(decodeRecoveryWrap(encoded), list);
      const cut = decodeRecoveryWrap(encoded.subarray(0, at % encoded.length));
      if (cut !== undefined) deepEqual(cut.length, list.length, "only the sealed parts may be shorter, all alike");
    }),
    { numRuns: 30 },
  );
});

Deno.test("decodeRecoveryWrap() refuses another version, no recipients, and more than three", () => {
  const one = encodeRecoveryWrap([{
    id: new Uint8Array(8),
    encapsulated: new Uint8Array(1120),
    ciphertext: new Uint8Array(63),
  }]);
  for (const [version, count] of [[0, 1], [2, 1], [1, 0], [1, 4], [1, 2]] as const) {
    equal(decodeRecoveryWrap(Uint8Array.of(version, count, ...one.subarray(2))), undefined, `${version} ${count}`);
  }
  equal(decodeRecoveryWrap(new Uint8Array()), undefined);
});

Deno.test("decodeRecoveryWrap() is total", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 4096 }), (input) => void decodeRecoveryWrap(input)));
});

Deno.test("maxRecoveryWrap is the registry's maximum, and a wrap of a tagged data key for three fits", () => {
  equal(maxWrapOf("recovery"), maxRecoveryWrap);
  equal(maxRecoveryWrap <= providerLimits.ciphertext, true);
  equal(2 + 3 * (8 + 1120 + 63), 3575);
});
