import assert from "node:assert/strict";
import * as fc from "fast-check";
import { concat, hex, sha256, uint16, utf8 } from "../base/bytes.ts";
import { KmsError } from "../base/errors.ts";
import { beginsAsOurs, decodeEnvelope, decodeFrame, encodeEnvelope, encodeFrameHead, type Envelope } from "./format.ts";
import {
  decodeAnnotations,
  encodeAnnotations,
  isReferenceTo,
  largestAnnotation,
  referenceTo,
  type Wrap,
} from "./wrap.ts";

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
      // A truncation after the shortest sealed seed is detected only by the tag.
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

/** An envelope of so many bytes. */
function envelopeOf(length: number): Uint8Array {
  const [reference, nonce] = [new Uint8Array(32).fill(1), new Uint8Array(12).fill(2)];
  return encodeEnvelope({ threshold: 1, reference, nonce, sealed: new Uint8Array(length - 46).fill(3) });
}

/** The error message for refused bytes; `""` for accepted ones. */
function complaint(decode: () => unknown): string {
  try {
    decode();
    return "";
  } catch (thrown) {
    assert.ok(thrown instanceof KmsError && thrown.code === "integrity", String(thrown));
    return /^Cannot decrypt: (.*); the stored value was changed or is not Trousseau's\.$/.exec(thrown.message)?.[1] ??
      "?";
  }
}

Deno.test("encodeEnvelope() writes format, threshold, reference, nonce and sealed seed", () => {
  const [reference, nonce, sealed] = [
    new Uint8Array(32).fill(1),
    new Uint8Array(12).fill(2),
    utf8("a sealed seed and tag"),
  ];
  const written = encodeEnvelope({ threshold: 1, reference, nonce, sealed });
  assert.deepEqual(written, concat(Uint8Array.of(0xe1, 1), reference, nonce, sealed));
});

Deno.test("decodeEnvelope() says what is wrong, and takes 63 to 1,024 bytes", () => {
  const said = (bytes: Uint8Array) => complaint(() => decodeEnvelope(bytes));
  const changed = (at: number, byte: number) => envelopeOf(63).with(at, byte);
  assert.deepEqual([62, 63, 1024, 1025].map((length) => said(envelopeOf(length))), [
    "the envelope is cut off",
    "",
    "",
    "the ciphertext is too long",
  ]);
  for (const other of [changed(0, 0xe2), changed(0, 0xf1), new Uint8Array(0)]) {
    assert.equal(said(other), "the ciphertext does not begin as an envelope does");
  }
  for (const other of [changed(1, 0), changed(1, 2), Uint8Array.of(0xe1)]) {
    assert.equal(said(other), "the envelope's threshold is not 1");
  }
});

const aWrap: Wrap = { name: "a", version: "1", ciphertext: Uint8Array.of(7) };

Deno.test("encodeFrameHead() writes format, key ID, and each wrap behind their number", () => {
  const rest = concat(
    uint16(5),
    utf8("t1-00"),
    Uint8Array.of(2),
    ...["a", "b"].flatMap((name) => [
      Uint8Array.of(1),
      utf8(name),
      uint16(300),
      utf8("v".repeat(300)),
      uint16(256),
      new Uint8Array(256),
    ]),
  );
  const wraps = ["a", "b"].map((name) => ({ name, version: "v".repeat(300), ciphertext: new Uint8Array(256) }));
  assert.deepEqual(encodeFrameHead("t1-00", wraps, "v1beta1"), concat(Uint8Array.of(0xf1), rest));
  assert.deepEqual(encodeFrameHead("t1-00", wraps, "sops"), concat(Uint8Array.of(0xf5), rest));
});

Deno.test("decodeFrame() says what is wrong", () => {
  const said = (bytes: Uint8Array) => complaint(() => decodeFrame(bytes, "v1beta1"));
  const frame = (keyId: string, wraps: readonly Wrap[], rest = envelopeOf(63)) =>
    said(concat(encodeFrameHead(keyId, wraps, "v1beta1"), rest));
  const named = (count: number) => Array.from({ length: count }, (_, index) => ({ ...aWrap, name: `${index}` }));
  const one = (changed: Partial<Wrap>) => frame("k", [{ ...aWrap, ...changed }]);
  assert.equal(frame("k", [aWrap]), "");
  assert.equal(said(envelopeOf(63)), "the cipher does not begin as a frame does");
  for (const keyId of ["", "k".repeat(1025)]) assert.equal(frame(keyId, [aWrap]), "the frame has no key ID");
  assert.equal(said(concat(Uint8Array.of(0xf1, 0, 1, 0xff, 1))), "the frame has no key ID", "no UTF-8");
  assert.equal(frame("k".repeat(1024), [aWrap]), "");
  for (const wraps of [[], named(17)]) assert.equal(frame("k", wraps), "the frame has no wraps that can be counted");
  assert.equal(frame("k", named(16)), "");
  for (const changed of [{ name: "" }, { version: "" }, { ciphertext: new Uint8Array(0) }]) {
    assert.equal(one(changed), "a wrap in the frame is cut off");
  }
  for (const changed of [{ version: "v".repeat(257) }, { ciphertext: new Uint8Array(4097) }]) {
    assert.equal(one(changed), "a wrap in the frame is too long");
  }
  assert.equal(one({ version: "v".repeat(256), ciphertext: new Uint8Array(4096) }), "");
  assert.equal(frame("k", [aWrap], new Uint8Array(0)), "the frame is cut off");
  assert.equal(frame("k", [aWrap], envelopeOf(62)), "the envelope is cut off");
});

Deno.test("decodeFrame() takes 60 KiB at most", () => {
  const of = (length: number) =>
    complaint(() => decodeFrame(concat(Uint8Array.of(0xf1), new Uint8Array(length - 1)), "v1beta1"));
  assert.equal(of(61_440), "the frame has no key ID");
  assert.equal(of(61_441), "the cipher is too long");
});

Deno.test("beginsAsOurs() goes by the first byte and the API", () => {
  const apis = ["v2", "v1beta1"] as const;
  const table = [0xe1, 0xf1, 0xf5, 0x31].map((byte) => apis.map((api) => beginsAsOurs(Uint8Array.of(byte, 0), api)));
  assert.deepEqual(table, [[true, false], [false, true], [false, false], [false, false]]);
  assert.deepEqual(apis.map((api) => beginsAsOurs(new Uint8Array(0), api)), [false, false]);
});

Deno.test("encodeAnnotations() writes format 1, the version behind its length, and the wrapped data key", () => {
  assert.deepEqual(encodeAnnotations([{ ...aWrap, version: "v".repeat(256) }]), {
    "a.wrap.trousseau.io": concat(Uint8Array.of(1, 1, 0), utf8("v".repeat(256)), aWrap.ciphertext),
  });
});

Deno.test("decodeAnnotations() says what is wrong", () => {
  const said = (annotations: Record<string, Uint8Array>) => complaint(() => decodeAnnotations(annotations));
  const encoded = (...wraps: readonly Wrap[]) => said(encodeAnnotations(wraps));
  const named = (count: number) => Array.from({ length: count }, (_, index) => ({ ...aWrap, name: `n${index}` }));
  const value = (...bytes: readonly number[]) => said({ "a.wrap.trousseau.io": Uint8Array.from(bytes) });
  assert.equal(encoded(), "the annotations are missing");
  assert.deepEqual([encoded(...named(16)), encoded(...named(17))], ["", "there are too many annotations"]);
  for (const key of ["a", "a.wrap.trousseau.ix"]) {
    assert.equal(said({ [key]: Uint8Array.of(1, 0, 1, 49, 7) }), "an annotation is not one of ours");
  }
  assert.equal(value(1, 0, 1, 49, 7), "");
  for (const bytes of [[], [1, 0], [2, 0, 1, 49, 7], [1, 0, 0, 7], [1, 0, 1, 49], [1, 0, 1, 0xff, 7], [1, 0, 2, 49]]) {
    assert.equal(value(...bytes), "an annotation is damaged");
  }
  assert.equal(encoded({ ...aWrap, version: "v".repeat(256), ciphertext: new Uint8Array(4096) }), "");
  for (const changed of [{ version: "v".repeat(257) }, { ciphertext: new Uint8Array(4097) }]) {
    assert.equal(encoded({ ...aWrap, ...changed }), "an annotation is too long");
  }
});

Deno.test("largestAnnotation() is the size of the largest one that is read", () => {
  const [key = "", value] = Object.entries(
    encodeAnnotations([{ name: "name", version: "v".repeat(256), ciphertext: new Uint8Array(512) }]),
  )[0] ?? [];
  assert.equal(largestAnnotation("name", 512), key.length + (value?.length ?? 0));
});

Deno.test("referenceTo() is SHA-256 over domain, number, and the fields behind their lengths, in name order", () => {
  const field = (bytes: Uint8Array) => concat(uint16(0), uint16(bytes.length), bytes);
  const texts = (...fields: readonly string[]) => fields.map((text) => field(utf8(text)));
  const b: Wrap = { name: "b", version: "€", ciphertext: new Uint8Array(0) };
  const canonical = concat(
    utf8("trousseau/1 wraps"),
    Uint8Array.of(0, 0, 0, 2),
    ...texts("a", "1"),
    field(aWrap.ciphertext),
    ...texts("b", "€", ""),
  );
  assert.deepEqual(referenceTo([b, aWrap]), sha256(canonical));
  const empty: Wrap = { name: "", version: "", ciphertext: new Uint8Array(0) };
  const least = concat(utf8("trousseau/1 wraps"), Uint8Array.of(0, 0, 0, 1), new Uint8Array(12));
  assert.deepEqual(referenceTo([empty]), sha256(least));
  assert.ok(isReferenceTo(hex(sha256(least)), [empty]));
});

Deno.test("decodeAnnotations() and decodeFrame() keep a byte order mark, so that no byte of a text goes unnoticed", () => {
  const marked: Wrap = { ...aWrap, version: "\ufeff1" };
  assert.deepEqual(decodeAnnotations(encodeAnnotations([marked])), [marked]);
  const wraps = [{ ...marked, name: "\ufeffa" }];
  const { keyId, wraps: read } = decodeFrame(
    concat(encodeFrameHead("\ufeffk", wraps, "v1beta1"), envelopeOf(63)),
    "v1beta1",
  );
  assert.deepEqual([keyId, read], ["\ufeffk", wraps]);
});
