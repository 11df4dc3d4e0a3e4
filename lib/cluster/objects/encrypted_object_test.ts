import { deepEqual, equal } from "node:assert/strict";
import { createCipheriv, createHmac, randomBytes } from "node:crypto";
import * as fc from "fast-check";
import protobuf from "protobufjs";
import { concat, uint16, utf8 } from "../../base/bytes.ts";
import { type EncryptedObject, openObject, readEncryptedObject } from "./encrypted_object.ts";

const etcdKey = utf8("/registry/secrets/default/db");
const plaintext = utf8("k8s\0 a Secret");

function gcm(key: Uint8Array, additional: Uint8Array): Uint8Array {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(additional);
  return concat(nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
}

/** As kube-apiserver seals under a seed: a key derived from 32 random bytes. */
function extended(seed: Uint8Array): Uint8Array {
  const info = randomBytes(32);
  const key = createHmac("sha256", seed).update(info).update(Uint8Array.of(1)).digest();
  return concat(info, gcm(new Uint8Array(key), etcdKey));
}

const seed = new Uint8Array(randomBytes(32));
const object = (data: Uint8Array, more: Partial<EncryptedObject> = {}): EncryptedObject => ({
  api: "v2",
  keyId: "k",
  ciphertext: Uint8Array.of(1),
  annotations: {},
  data,
  source: "seed",
  ...more,
});

Deno.test("openObject() opens what is sealed under a seed, under a key, and by AES-CBC", () => {
  deepEqual(openObject(object(extended(seed)), seed, etcdKey), { plaintext, isAuthenticated: true });
  const keyed = object(gcm(seed, etcdKey), { source: "key" });
  deepEqual(openObject(keyed, seed, etcdKey), { plaintext, isAuthenticated: true });
  const iv = randomBytes(16);
  const cipher = createCipheriv("aes-256-cbc", seed, iv);
  const cbc = object(concat(iv, cipher.update(plaintext), cipher.final()), { source: "key", api: "v1beta1" });
  deepEqual(openObject(cbc, seed, etcdKey), { plaintext, isAuthenticated: false });
  equal(openObject({ ...cbc, api: "v2" }, seed, etcdKey), undefined);
});

Deno.test("openObject() opens nothing under another seed, at another key of etcd, or with a changed byte", () => {
  const data = extended(seed);
  equal(openObject(object(data), new Uint8Array(32), etcdKey), undefined);
  equal(openObject(object(data), seed.subarray(1), etcdKey), undefined);
  equal(openObject(object(data), seed, utf8("/registry/secrets/default/other")), undefined);
  for (let at = 0; at < data.length; at++) {
    const changed = data.map((byte, index) => index === at ? byte ^ 1 : byte);
    equal(openObject(object(changed), seed, etcdKey), undefined, `${at}`);
  }
});

Deno.test("openObject() is total", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), fc.constantFrom("seed", "key"), (data, source) => {
    equal(openObject(object(data, { source: source as "seed" | "key" }), seed, etcdKey), undefined);
  }));
});

Deno.test("readEncryptedObject() reads EncryptedObject, and the frame of KMS v1", () => {
  const writer = protobuf.Writer.create().uint32(0x0a).bytes(utf8("data")).uint32(0x12).string("key-1")
    .uint32(0x1a).bytes(utf8("sealed"));
  writer.uint32(0x22).fork().uint32(0x0a).string("a.example").uint32(0x12).bytes(utf8("b")).ldelim();
  const bytes = new Uint8Array(writer.uint32(0x28).uint32(1).finish());
  const read = readEncryptedObject(bytes, "v2");
  deepEqual(
    read &&
      { ...read, data: [...read.data], ciphertext: [...read.ciphertext], annotations: Object.keys(read.annotations) },
    {
      api: "v2",
      keyId: "key-1",
      ciphertext: [...utf8("sealed")],
      annotations: ["a.example"],
      data: [...utf8("data")],
      source: "seed",
    },
  );
  const v1 = readEncryptedObject(concat(uint16(6), utf8("sealed"), utf8("data")), "v1beta1");
  deepEqual([v1?.source, v1 && [...v1.ciphertext]], ["key", [...utf8("sealed")]]);
  for (const wrong of [[], [0, 9, 1], [0, 0, 1], [0, 1, 1]]) {
    equal(readEncryptedObject(Uint8Array.from(wrong), "v1beta1"), undefined);
  }
});

Deno.test("readEncryptedObject() is total", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom("v2", "v1beta1"), (bytes, api) => {
    const read = readEncryptedObject(bytes, api as "v2" | "v1beta1");
    equal(read === undefined || read.api === api, true);
  }));
});
