import { deepEqual, equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import * as fc from "fast-check";
import protobuf from "protobufjs";
import { concat, uint16, utf8 } from "../../base/bytes.ts";
import { encodeEnvelope, encodeFrameHead } from "../../envelope/format.ts";
import { encodeAnnotations, type Wrap } from "../../envelope/wrap.ts";
import { LabelReader, storedLabels, storedStates } from "./stored_value.ts";

const wraps: readonly Wrap[] = [
  { name: "vault", version: "3", ciphertext: utf8("vault:v3:abcd") },
  { name: "local", version: "l1-0011223344556677", ciphertext: new Uint8Array(60) },
];
const envelope = encodeEnvelope({
  threshold: 1,
  reference: new Uint8Array(32),
  nonce: new Uint8Array(12),
  sealed: new Uint8Array(48),
});

/** `EncryptedObject` of KMS v2 behind its prefix. */
function kmsV2(keyId: string, source: Uint8Array, annotations: Readonly<Record<string, Uint8Array>> = {}): Uint8Array {
  const writer = protobuf.Writer.create().uint32(0x0a).bytes(utf8("data")).uint32(0x12).string(keyId)
    .uint32(0x1a).bytes(source);
  for (const [key, value] of Object.entries(annotations)) {
    writer.uint32(0x22).fork().uint32(0x0a).string(key).uint32(0x12).bytes(value).ldelim();
  }
  return concat(utf8("k8s:enc:kms:v2:new:"), writer.uint32(0x28).uint32(1).finish());
}

const kmsV1 = (cipher: Uint8Array) => concat(utf8("k8s:enc:kms:v1:old:"), uint16(cipher.length), cipher, utf8("data"));

Deno.test("storedLabels() tells Trousseau's values over KMS v2, with key ID and wraps", () => {
  deepEqual(storedLabels(kmsV2("t1-abc", envelope, encodeAnnotations(wraps))), {
    state: "trousseau-v2",
    provider: "new",
    keyId: "t1-abc",
    format: null,
    wraps: [{ name: "local", version: "l1-0011223344556677" }, { name: "vault", version: "3" }],
  });
});

Deno.test("storedLabels() tells Trousseau's values over KMS v1, by their frame", () => {
  const { state, provider, keyId, wraps: found } = storedLabels(
    kmsV1(concat(encodeFrameHead("t1-old", wraps, "v1beta1"), envelope)),
  );
  deepEqual([state, provider, keyId, found.length], ["trousseau-v1beta1", "old", "t1-old", 2]);
});

Deno.test("storedLabels() tells formats of other plugins that Trousseau reads", () => {
  const vault = utf8(`vault:v7:${Buffer.alloc(60).toString("base64")}`);
  deepEqual(storedLabels(kmsV2("7", vault)), {
    state: "foreign",
    provider: "new",
    keyId: "7",
    format: "vault-kubernetes-kms",
    wraps: [{ name: "", version: "7" }],
  });
  const { state, format, keyId } = storedLabels(kmsV1(vault));
  deepEqual([state, format, keyId], ["foreign", "trousseau-v1", null]);
});

Deno.test("storedLabels() tells plain text, keys of the configuration, other plugins and the unknown", () => {
  const cases = [
    ["k8s\0\n\f\n\u0002v1", "plain", null, null],
    ['{"kind":"Secret"}', "plain", null, null],
    ["", "plain", null, null],
    ["k8s:enc:aescbc:v1:k1:xxxx", "aescbc", "k1", null],
    ["k8s:enc:aesgcm:v1:k2:xxxx", "aesgcm", "k2", null],
    ["k8s:enc:secretbox:v1:k3:xxxx", "secretbox", "k3", null],
    ["k8s:enc:kms:v2:other:\u0012\u0003abc", "kms-v2", "other", "abc"],
    ["k8s:enc:kms:v1:other:\0\u0003abcdata", "kms-v1", "other", null],
    ["k8s:enc:kms:v3:other:xx", "unknown", "other", null],
    ["k8s:enc:", "unknown", null, null],
  ] as const;
  for (const [text, state, provider, keyId] of cases) {
    const labels = storedLabels(Uint8Array.from(text, (letter) => letter.charCodeAt(0)));
    deepEqual([labels.state, labels.provider, labels.keyId], [state, provider, keyId], text);
  }
});

Deno.test("storedLabels() is total", () => {
  const begin = fc.constantFrom("", "k8s:enc:", "k8s:enc:kms:v1:p:", "k8s:enc:kms:v2:p:").map(utf8);
  fc.assert(fc.property(begin, fc.uint8Array({ maxLength: 400 }), (head, rest) => {
    ok(Object.hasOwn(storedStates, storedLabels(concat(head, rest)).state));
  }));
});

Deno.test("storedLabels() is total over changed values of Trousseau", () => {
  const value = kmsV2("t1-abc", envelope, encodeAnnotations(wraps));
  for (let at = 19; at < value.length; at++) {
    const changed = value.map((byte, index) => index === at ? byte ^ 0x41 : byte);
    equal(typeof storedLabels(changed).state, "string");
  }
});

Deno.test("LabelReader.read() gives what storedLabels() gives, whatever was read before", () => {
  const reader = new LabelReader();
  const begin = fc.constantFrom("", "k8s:enc:kms:v1:p:", "k8s:enc:kms:v2:p:", "k8s:enc:kms:v2:p:\n\u0010").map(utf8);
  const rest = fc.oneof(fc.uint8Array({ maxLength: 600 }), fc.uint8Array({ minLength: 600, maxLength: 900 }));
  const ours = fc.tuple(fc.constantFrom("t1-a", "t1-b"), fc.nat(3)).map(([keyId, count]) =>
    kmsV2(keyId, envelope, encodeAnnotations(wraps.slice(0, count)))
  );
  fc.assert(fc.property(fc.oneof(fc.tuple(begin, rest).map(([a, b]) => concat(a, b)), ours), (value) => {
    deepEqual(reader.read(value), storedLabels(value));
    deepEqual(reader.read(value), storedLabels(value));
  }));
});
