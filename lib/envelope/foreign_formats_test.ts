import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { base64, base64url, concat, fromBase64, utf8 } from "../base/bytes.ts";
import { KmsError } from "../base/errors.ts";
import type { KmsApi } from "../api/kms/messages.ts";
import type { ForeignFormat } from "./foreign_formats.ts";
import vectors from "../../tests/vectors/foreign.json" with { type: "json" };
import { foreignFormats, type ForeignSealed, type FormatOptions, isOfFormat, readForeign } from "./foreign_formats.ts";

const transit = utf8(`vault:v12:${base64(new Uint8Array(randomBytes(60)))}`);
const blob = new Uint8Array(randomBytes(184));
const arn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

function sealed(ciphertext: Uint8Array, keyId = "", annotations: ForeignSealed["annotations"] = {}): ForeignSealed {
  return { keyId, ciphertext, annotations };
}

/** The formats that are recognised for some bytes, and the results. */
function taken(format: ForeignFormat, given: ForeignSealed, api: KmsApi, options: FormatOptions = {}): string {
  if (!isOfFormat(format, given.ciphertext, api, options)) return "not taken";
  try {
    return readForeign(format, given, api).map(({ written, version }) => `${written}@${version}`).join(" ");
  } catch (thrown) {
    assert.ok(thrown instanceof KmsError);
    return thrown.code;
  }
}

for (const { format, api, keyId, ciphertext, wraps, origin } of vectors) {
  Deno.test(`readForeign() reads a vector of ${format} over ${api}: ${origin}`, () => {
    const bytes = fromBase64(ciphertext);
    assert.ok(bytes && isFormat(format) && isApi(api));
    const found = readForeign(format, sealed(bytes, keyId), api);
    assert.ok(isOfFormat(format, bytes, api, {}));
    assert.deepEqual(found.map((wrap) => ({ ...wrap, ciphertext: base64(wrap.ciphertext) })), wraps);
  });
}

function isFormat(text: string): text is ForeignFormat {
  return foreignFormats.some((format) => format === text);
}

function isApi(text: string): text is KmsApi {
  return text === "v2" || text === "v1beta1";
}

Deno.test("readForeign() takes vault-kubernetes-kms only with a key ID from its version on and no annotations", () => {
  const over = (keyId: string, annotations = {}) =>
    taken("vault-kubernetes-kms", sealed(transit, keyId, annotations), "v2");
  // Of a rotation between the plugin's two calls, and as many digits as a time in seconds has.
  for (const keyId of ["12", "13", "1442851412"]) assert.equal(over(keyId), "@12", keyId);
  for (const keyId of ["", "1", "11", "012", "0x0d", " 12", "12 ", "12.5", "v12", "12345678901", "١٣"]) {
    assert.equal(over(keyId), "integrity", keyId);
  }
  assert.equal(over("12", { "a.b": new Uint8Array(1) }), "integrity");
  assert.equal(taken("vault-kubernetes-kms", sealed(transit), "v1beta1"), "@12");
});

Deno.test("readForeign() takes aws-encryption-provider only with a key ID of AWS and no annotations", () => {
  const stored = concat(utf8("1"), blob);
  const over = (keyId: string, annotations = {}) =>
    taken("aws-encryption-provider", sealed(stored, keyId, annotations), "v2");
  const good = [arn, "arn:aws-cn:kms:cn-north-1:111122223333:alias/k8s", "alias/k8s"];
  for (const keyId of [...good, arn.slice(-36), "mrk-1234abcd12ab34cd56ef1234567890ab"]) {
    assert.equal(over(keyId), "@-");
  }
  for (const keyId of ["", "1", `${arn} `, "arn:aws:s3:::bucket", "t1-00112233445566778899aabbccddeeff"]) {
    assert.equal(over(keyId), "integrity", keyId);
  }
  assert.equal(over(arn, { "a.b": new Uint8Array(1) }), "integrity");
  assert.deepEqual(readForeign("aws-encryption-provider", sealed(stored, arn), "v2")[0]?.ciphertext, blob);
});

Deno.test("isOfFormat() takes blobs without the byte under v1beta1 only, and only when told to", () => {
  const bare = concat(Uint8Array.of(1), blob);
  assert.equal(taken("aws-encryption-provider", sealed(bare), "v1beta1"), "not taken");
  assert.equal(taken("aws-encryption-provider", sealed(bare), "v1beta1", { unprefixed: true }), "@-");
  assert.equal(taken("aws-encryption-provider", sealed(bare, arn), "v2", { unprefixed: true }), "not taken");
  assert.deepEqual(readForeign("aws-encryption-provider", sealed(bare), "v1beta1")[0]?.ciphertext, bare);
});

Deno.test("isOfFormat() keeps what was v1beta1 only from v2", () => {
  assert.equal(taken("trousseau-v1", sealed(transit), "v1beta1"), "@12");
  assert.equal(taken("trousseau-v1", sealed(transit, "12"), "v2"), "not taken");
  const lines = utf8(`vault:-:${base64(transit)}\n`);
  assert.equal(taken("trousseau-v2", sealed(lines), "v1beta1"), "vault@12");
  assert.equal(taken("trousseau-v2", sealed(lines, "12"), "v2"), "not taken");
});

Deno.test("readForeign() reads the lines of trousseau-v2 in any order, and Vault's text with base64 or without", () => {
  const line = (name: string, bytes: Uint8Array) => `${name}:-:${base64(bytes)}\n`;
  const read = (text: string) => taken("trousseau-v2", sealed(utf8(text)), "v1beta1");
  assert.equal(read(line("vault", transit) + line("awskms", blob)), "vault@12 awskms@-");
  assert.equal(read(line("awskms", blob) + line("vault", transit)), "awskms@- vault@12");
  assert.equal(read(`vault:-:vault:v3:${base64(blob)}\n`), "vault@3");
  const rsa = Uint8Array.from({ length: 256 }, (_, index) => 255 - index);
  const azure = utf8(`azurekms:-:${base64url(rsa)}\n`);
  assert.deepEqual(readForeign("trousseau-v2", sealed(azure), "v1beta1"), [
    { written: "azurekms", version: "-", ciphertext: rsa },
  ]);
});

Deno.test("readForeign() refuses whatever is out of place in trousseau-v2", () => {
  const good = base64(transit);
  const bad = [
    `vault:-:${good}`,
    `vault:-:${good}\n\n`,
    `\nvault:-:${good}\n`,
    `vault:-:${good}\nvault:-:${good}\n`,
    `vault:-:${good}\nrest`,
    `vault:-:${good}:-:x\n`,
    `vault:-:${good}\r\n`,
    `vault:-:\n`,
    `vault:-:ü\n`,
    `azurekms:-:a-b_c\n`,
    `azurekms:-:a+b_\n`,
    `vault:-:vault:v0:AAAA\n`,
    "a:-:AAAA\nb:-:AAAA\nc:-:AAAA\nd:-:AAAA\ne:-:AAAA\nf:-:AAAA\ng:-:AAAA\nh:-:AAAA\ni:-:AAAA\n",
    `vault:-:${base64(new Uint8Array(4097))}\n`,
  ];
  for (const text of bad) {
    const what = taken("trousseau-v2", sealed(utf8(text)), "v1beta1");
    assert.ok(what === "integrity" || what === "not taken", JSON.stringify(text));
  }
});

Deno.test("readForeign() refuses transit ciphertexts with anything before, between or behind", () => {
  const text = `vault:v1:${base64(blob)}`;
  for (
    const bad of [
      `${text}\n`,
      `${text} `,
      `${text}=`,
      "vault:v1:",
      "vault:v:AAAA",
      "vault:v01:AAAA",
      "vault:v1:A:A",
      "vault:v1:QUJDRF==",
    ]
  ) {
    assert.equal(taken("trousseau-v1", sealed(utf8(bad)), "v1beta1"), "integrity", bad);
  }
  for (const other of [` ${text}`, "vault-v1:AAAA", "Vault:v1:AAAA", ""]) {
    assert.equal(taken("trousseau-v1", sealed(utf8(other)), "v1beta1"), "not taken", other);
  }
});

Deno.test("readForeign() gives ciphertexts of its bounds or integrity, whatever the bytes", () => {
  const start = fc.constantFrom("", "vault:v", "vault:v1:", "vault:-:", "1", "a:-:", "\u00f1", "\u00e1");
  const bytes = fc.tuple(start, fc.uint8Array({ maxLength: 200 }), fc.string({ maxLength: 40 }))
    .map(([text, raw, end]) => concat(new Uint8Array([...text].map((c) => c.charCodeAt(0))), raw, utf8(end)));
  const formats = fc.constantFrom(...foreignFormats);
  const apis = fc.constantFrom<KmsApi>("v2", "v1beta1");
  fc.assert(
    fc.property(bytes, formats, apis, fc.constantFrom("", "1", arn), (ciphertext, format, api, keyId) => {
      try {
        const wraps = readForeign(format, sealed(ciphertext, keyId), api);
        assert.ok(wraps.length > 0 && wraps.every((wrap) => wrap.ciphertext.length > 0));
        assert.ok(wraps.every((wrap) => wrap.ciphertext.length <= 4096));
      } catch (thrown) {
        assert.ok(thrown instanceof KmsError && thrown.code === "integrity");
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("readForeign() takes blobs of AWS KMS of 60 bytes or more", () => {
  const of = (length: number) =>
    taken("aws-encryption-provider", sealed(concat(utf8("1"), new Uint8Array(length).fill(7)), arn), "v2");
  assert.deepEqual([59, 60, 4096, 4097].map(of), ["integrity", "@-", "@-", "integrity"]);
});

Deno.test("readForeign() takes up to eight lines of trousseau-v2, with names of up to 63 characters", () => {
  const line = (name: string) => `${name}:-:${base64(blob)}\n`;
  const read = (text: string) => taken("trousseau-v2", sealed(utf8(text)), "v1beta1");
  const names = [..."abcdefgh"];
  assert.equal(read(names.map(line).join("")), names.map((name) => `${name}@-`).join(" "));
  assert.equal(read([...names, "i"].map(line).join("")), "integrity");
  const longest = "n".repeat(63);
  assert.equal(read(line(longest)), `${longest}@-`);
  assert.equal(read(line(`${longest}n`)), "not taken");
  assert.throws(() => readForeign("trousseau-v2", sealed(new Uint8Array(0)), "v1beta1"), { code: "integrity" });
});

Deno.test("readForeign() takes a byte above 127 for no letter, digit or dash", () => {
  const text = `vault:-:${base64(blob)}\n`;
  for (let at = 0; at < text.length; at++) {
    for (const byte of [0x80, 0xaa, 0xe9, 0xff]) {
      const bytes = utf8(text).with(at, byte);
      assert.notEqual(taken("trousseau-v2", sealed(bytes), "v1beta1"), "vault@-", `${byte} at ${at}`);
      assert.throws(() => readForeign("trousseau-v2", sealed(bytes), "v1beta1"), { code: "integrity" });
    }
  }
});
