/**
 * A small snapshot of etcd for tests.
 *
 * @module
 */
import { createCipheriv, createHmac, randomBytes } from "node:crypto";
import protobuf from "protobufjs";
import { concat, sha256, utf8 } from "../../lib/base/bytes.ts";
import { encodeEnvelope } from "../../lib/envelope/format.ts";
import { newDek, sealSeed, taggedDek } from "../../lib/envelope/seal.ts";
import { encodeAnnotations, referenceTo } from "../../lib/envelope/wrap.ts";
import { openLocal } from "../../lib/provider/local/provider.ts";
import { boltFile } from "./bolt_pages.ts";
import { etcdRow } from "./etcd_rows.ts";

const secretKey = "/registry/secrets/default/db";

const secret = utf8(JSON.stringify({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "db", namespace: "default" },
  data: { a: "Yg==" },
}));

/** A snapshot with its SHA-256, and one Secret in plain text: `/registry/secrets/default/db`. */
export function plainSnapshot(): Uint8Array {
  return snapshotWith(secret);
}

/**
 * A snapshot with its SHA-256, and the same Secret under KMS v2, by a provider of the kind `local`.
 *
 * @param keyFile of the provider.
 * @param name of the provider.
 */
export async function sealedSnapshot(keyFile: string, name = "local"): Promise<Uint8Array> {
  await using provider = await openLocal({ kind: "local", name, keyFile, create: false }, { notify: () => {} });
  const [dek, seed, keyId] = [newDek(), new Uint8Array(randomBytes(32)), "key-1"];
  const call = { signal: AbortSignal.timeout(10_000) };
  const wraps = [{ name, ...await provider.wrap(taggedDek(dek, "v2"), await provider.probe(call), call) }];
  const envelope = sealSeed(dek, seed, { purpose: "v2", threshold: 1, keyId, reference: referenceTo(wraps) });
  const writer = protobuf.Writer.create().uint32(0x0a).bytes(sealedUnder(seed)).uint32(0x12).string(keyId)
    .uint32(0x1a).bytes(encodeEnvelope(envelope));
  for (const [key, value] of Object.entries(encodeAnnotations(wraps))) {
    writer.uint32(0x22).fork().uint32(0x0a).string(key).uint32(0x12).bytes(value).ldelim();
  }
  return snapshotWith(concat(utf8("k8s:enc:kms:v2:trousseau:"), writer.uint32(0x28).uint32(1).finish()));
}

/** The Secret as kube-apiserver encrypts it under a seed: by a key derived from the seed and 32 random bytes. */
function sealedUnder(seed: Uint8Array): Uint8Array {
  const [info, nonce] = [randomBytes(32), randomBytes(12)];
  const key = createHmac("sha256", seed).update(info).update(Uint8Array.of(1)).digest();
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(utf8(secretKey));
  return concat(info, nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag());
}

function snapshotWith(value: Uint8Array): Uint8Array {
  const database = boltFile("key", [etcdRow({ revision: 2, key: secretKey, value })]);
  return concat(database, sha256(database));
}
