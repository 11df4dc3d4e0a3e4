/**
 * A small snapshot of etcd for tests.
 *
 * @module
 */
import { createCipheriv, createHmac, randomBytes } from "node:crypto";
import protobuf from "protobufjs";
import { concat, sha256, utf8 } from "../../lib/base/bytes.ts";
import { newDek, sealEnvelope, taggedDek } from "../../lib/envelope/seal.ts";
import { encodeAnnotations, referenceTo } from "../../lib/envelope/wrap.ts";
import { openLocal } from "../../lib/provider/local/provider.ts";
import type { Provider, WrappedDek } from "../../lib/provider/provider.ts";
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
  return snapshotOf([[secretKey, secret]]);
}

/**
 * A snapshot with its SHA-256, and the same Secret under KMS v2, by a provider of the kind `local`.
 *
 * @param keyFile of the provider.
 * @param name of the provider.
 */
export async function sealedSnapshot(keyFile: string, name = "local"): Promise<Uint8Array> {
  await using provider = await openLocal({ kind: "local", name, keyFile, create: false }, { notify: () => {} });
  return snapshotOf([[secretKey, sealedValue(secretKey, await sealedSeed(await wrappedDek([provider])))]]);
}

/** The size of a snapshot. */
export interface SealedCounts {
  readonly dataKeys: number;
  readonly seedsOfKey: number;
  readonly objectsOfSeed: number;
}

/** A snapshot with its SHA-256, and Secrets under KMS v2 whose data keys are all wrapped by each of the providers. */
export async function sealedSnapshotBy(providers: readonly Provider[], counts: SealedCounts): Promise<Uint8Array> {
  const rows: [key: string, value: Uint8Array][] = [];
  for (let dataKey = 0; dataKey < counts.dataKeys; dataKey++) {
    const wrapped = await wrappedDek(providers);
    for (let at = 0; at < counts.seedsOfKey; at++) {
      const seed = sealedSeed(wrapped);
      for (let object = 0; object < counts.objectsOfSeed; object++) {
        const key = `/registry/secrets/default/db-${rows.length}`;
        rows.push([key, sealedValue(key, seed)]);
      }
    }
  }
  return snapshotOf(rows);
}

/** A data key and its wraps. */
interface SealingDek {
  readonly dek: Uint8Array;
  readonly wraps: readonly (WrappedDek & { readonly name: string })[];
}

async function wrappedDek(providers: readonly Provider[]): Promise<SealingDek> {
  const dek = newDek();
  const call = { signal: AbortSignal.timeout(30_000) };
  const wraps = await Promise.all(providers.map(async (provider) => {
    return { name: provider.name, ...await provider.wrap(taggedDek(dek, "v2"), await provider.probe(call), call) };
  }));
  return { dek, wraps };
}

/** A seed, and the fields of kube-apiserver's EncryptedObject behind the data. */
interface SealedSeed {
  readonly seed: Uint8Array;
  readonly rest: Uint8Array;
}

function sealedSeed({ dek, wraps }: SealingDek): SealedSeed {
  const [seed, keyId] = [new Uint8Array(randomBytes(32)), "key-1"];
  const envelope = sealEnvelope(dek, seed, { purpose: "v2", threshold: 1, keyId, reference: referenceTo(wraps) });
  const writer = protobuf.Writer.create().uint32(0x12).string(keyId).uint32(0x1a).bytes(envelope);
  for (const [name, value] of Object.entries(encodeAnnotations(wraps))) {
    writer.uint32(0x22).fork().uint32(0x0a).string(name).uint32(0x12).bytes(value).ldelim();
  }
  return { seed, rest: writer.uint32(0x28).uint32(1).finish() };
}

function sealedValue(key: string, { seed, rest }: SealedSeed): Uint8Array {
  const data = protobuf.Writer.create().uint32(0x0a).bytes(sealedUnder(seed, key)).finish();
  return concat(utf8("k8s:enc:kms:v2:trousseau:"), data, rest);
}

/** The Secret as kube-apiserver encrypts it under a seed: by a key derived from the seed and 32 random bytes. */
function sealedUnder(seed: Uint8Array, key: string): Uint8Array {
  const [info, nonce] = [randomBytes(32), randomBytes(12)];
  const derived = createHmac("sha256", seed).update(info).update(Uint8Array.of(1)).digest();
  const cipher = createCipheriv("aes-256-gcm", derived, nonce).setAAD(utf8(key));
  return concat(info, nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag());
}

function snapshotOf(rows: readonly (readonly [key: string, value: Uint8Array])[]): Uint8Array {
  const database = boltFile("key", rows.map(([key, value], at) => etcdRow({ revision: at + 2, key, value })), 16);
  return concat(database, sha256(database));
}
