import assert from "node:assert/strict";
import * as fc from "fast-check";
import { concat, hex } from "../base/bytes.ts";
import { KmsError } from "../base/errors.ts";
import { decodeEnvelope, decodeFrame, encodeEnvelope, encodeFrameHead, type Envelope } from "./format.ts";
import { decodeAnnotations, encodeAnnotations, isReferenceTo, referenceTo, type Wrap } from "./wrap.ts";

const bytes = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength });
const envelope: fc.Arbitrary<Envelope> = fc.record({
  threshold: fc.constant(1 as const),
  reference: bytes(32),
  nonce: bytes(12),
  sealed: bytes(17, 900),
}, { noNullPrototype: true });
const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?$/);
const wrap: fc.Arbitrary<Wrap> = fc.record({
  name: label,
  version: fc.string({ minLength: 1, maxLength: 60, unit: "grapheme-ascii" }),
  ciphertext: bytes(1, 600),
}, { noNullPrototype: true });
const wraps = fc.uniqueArray(wrap, { minLength: 1, maxLength: 8, selector: ({ name }) => name });

function isIntegrity(thrown: unknown): boolean {
  return thrown instanceof KmsError && thrown.code === "integrity";
}

Deno.test("decodeEnvelope() reads what encodeEnvelope() wrote", () => {
  fc.assert(fc.property(envelope, (value) => assert.deepEqual(decodeEnvelope(encodeEnvelope(value)), value)));
});

Deno.test("decodeEnvelope() is total, and accepts only what it would write the same way", () => {
  fc.assert(fc.property(fc.oneof(bytes(0, 1100), envelope.map(encodeEnvelope)), (value) => {
    try {
      assert.deepEqual(encodeEnvelope(decodeEnvelope(value)), value);
    } catch (thrown) {
      assert.ok(isIntegrity(thrown), String(thrown));
    }
  }));
});

Deno.test("decodeFrame() reads what was written, and refuses every cut of it", () => {
  fc.assert(
    fc.property(wraps, envelope, fc.string({ minLength: 1, maxLength: 50 }), (wraps, envelope, keyId) => {
      const frame = concat(encodeFrameHead(keyId, wraps, "v1beta1"), encodeEnvelope(envelope));
      const read = decodeFrame(frame, "v1beta1");
      assert.deepEqual(read.wraps, wraps);
      assert.deepEqual(read.envelope, envelope);
      assert.equal(read.keyId, Buffer.from(keyId).toString());
      // What is cut off behind the shortest sealed seed is for the tag to find.
      const shortest = frame.length - envelope.sealed.length + 17;
      for (let cut = 0; cut < shortest; cut++) {
        assert.throws(() => decodeFrame(frame.slice(0, cut), "v1beta1"), isIntegrity);
      }
    }),
    { numRuns: 20 },
  );
});

Deno.test("decodeFrame() is total", () => {
  const begun = bytes(0, 300).map((rest) => concat(Uint8Array.of(0xf1), rest));
  fc.assert(
    fc.property(fc.oneof(bytes(0, 300), begun), (value) => {
      try {
        decodeFrame(value, "v1beta1");
      } catch (thrown) {
        assert.ok(isIntegrity(thrown), String(thrown));
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("decodeAnnotations() reads what encodeAnnotations() wrote, within the API server's limits for eight RSA-4096", () => {
  fc.assert(fc.property(wraps, (value) => assert.deepEqual(decodeAnnotations(encodeAnnotations(value)), value)));
  const large = Array.from({ length: 8 }, (_, i) => ({
    name: `${"n".repeat(62)}${i}`,
    version: "v".repeat(256),
    ciphertext: new Uint8Array(512),
  }));
  const sizes = Object.entries(encodeAnnotations(large)).map(([key, value]) => key.length + value.length);
  assert.ok(sizes.reduce((sum, size) => sum + size, 0) < 32 * 1024);
});

Deno.test("decodeAnnotations() refuses keys that are not ours", () => {
  const value = encodeAnnotations([{ name: "a", version: "1", ciphertext: Uint8Array.of(1) }])["a.wrap.trousseau.io"];
  assert.ok(value);
  for (
    const key of [
      "a",
      "a.wrap.trousseau.io.",
      "A.wrap.trousseau.io",
      ".wrap.trousseau.io",
      "-a.wrap.trousseau.io",
      "a.b.wrap.trousseau.io",
      "__proto__.wrap.trousseau.io",
    ]
  ) {
    assert.throws(() => decodeAnnotations({ [key]: value }), isIntegrity, key);
  }
});

Deno.test("isReferenceTo() is true for what referenceTo() gives, and for nothing else", () => {
  fc.assert(fc.property(wraps, (value) => {
    const reference = referenceTo(value);
    assert.ok(isReferenceTo(hex(reference), value.toReversed()));
    const at = (reference[0] ?? 0) % reference.length;
    reference[at] = (reference[at] ?? 0) ^ 1;
    assert.ok(!isReferenceTo(hex(reference), value));
    assert.ok(!isReferenceTo("", value));
  }));
});

Deno.test("referenceTo() is the same for any order, and another one for any other wrap", () => {
  fc.assert(fc.property(wraps, (value) => {
    assert.deepEqual(referenceTo(value.toReversed()), referenceTo(value));
    const [first, ...rest] = value;
    assert.ok(first);
    for (
      const changed of [{ ...first, name: `${first.name}x` }, { ...first, version: `${first.version}x` }, {
        ...first,
        ciphertext: concat(first.ciphertext, Uint8Array.of(0)),
      }]
    ) {
      assert.notDeepEqual(referenceTo([changed, ...rest]), referenceTo(value));
    }
    if (rest.length > 0) assert.notDeepEqual(referenceTo(rest), referenceTo(value));
  }));
});

Deno.test("decodeFrame() reads the frames of its own API and no others", () => {
  fc.assert(fc.property(wraps, envelope, (wraps, envelope) => {
    const rest = encodeEnvelope(envelope);
    const [v1beta1, sops] = [
      concat(encodeFrameHead("k", wraps, "v1beta1"), rest),
      concat(encodeFrameHead("k", wraps, "sops"), rest),
    ];
    assert.deepEqual(decodeFrame(sops, "sops"), decodeFrame(v1beta1, "v1beta1"));
    assert.throws(() => decodeFrame(sops, "v1beta1"), isIntegrity);
    assert.throws(() => decodeFrame(v1beta1, "sops"), isIntegrity);
  }));
});
