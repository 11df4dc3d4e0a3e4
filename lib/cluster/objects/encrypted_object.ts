/**
 * An object under a KMS: its parts, and how it is opened with the seed that a KMS plugin gives back.
 *
 * KMS v2: `EncryptedObject` with 1 data · 2 key ID · 3 sealed seed · 4 annotations · 5 kind of the seed. KMS v1: length of
 * the sealed key in two bytes · sealed key · data. Source: `k8s.io/apiserver` 0.36.3, `kmsv2/envelope.go`,
 * `envelope.go`, `aes_extended_nonce.go`.
 *
 * @module
 */
import { createDecipheriv, createHmac } from "node:crypto";
import type { KmsApi } from "../../api/kms/messages.ts";
import { ByteReader, concat, exactText } from "../../base/bytes.ts";
import { lastField, mapEntry, wireFields } from "../wire_fields.ts";

/** The parts of a Decrypt request to a KMS plugin, and the data under the seed of its answer. */
export interface EncryptedObject {
  readonly api: KmsApi;
  /** Empty over KMS v1. */
  readonly keyId: string;
  /** The sealed seed. */
  readonly ciphertext: Uint8Array;
  readonly annotations: Readonly<Record<string, Uint8Array>>;
  readonly data: Uint8Array;
  /** `seed`: a key is derived for each object. `key`: the seed is the key of the object. */
  readonly source: "seed" | "key";
}

/** An opened object. */
export interface OpenedObject {
  readonly plaintext: Uint8Array;
  /** False for AES-CBC, which kube-apiserver wrote over KMS v1 before 1.25. */
  readonly isAuthenticated: boolean;
}

/** Field numbers of `EncryptedObject` of `k8s.io/kms` 0.36, and of its source type the number of a seed. */
const [field, seedSource] = [{ data: 1, keyId: 2, dekSource: 3, annotations: 4, sourceType: 5 }, 1] as const;

const sizes = { nonce: 12, info: 32, tag: 16, block: 16, seed: 32 } as const;

/** The parts of a value behind its prefix; `undefined` if kube-apiserver cannot have written it. */
export function readEncryptedObject(rest: Uint8Array, api: KmsApi): EncryptedObject | undefined {
  if (api === "v1beta1") {
    const reader = new ByteReader(rest);
    const [ciphertext, data] = [reader.field16(), reader.rest()];
    if (!ciphertext?.length || !data?.length) return undefined;
    return { api, keyId: "", ciphertext, annotations: {}, data, source: "key" };
  }
  const fields = wireFields(rest);
  if (fields === undefined) return undefined;
  const keyId = exactText(lastField(fields, field.keyId)?.bytes ?? new Uint8Array(0));
  const [data, ciphertext] = [lastField(fields, field.data)?.bytes, lastField(fields, field.dekSource)?.bytes];
  if (!keyId || data === undefined || ciphertext === undefined) return undefined;
  const annotations = Object.fromEntries(fields.filter(({ id }) => id === field.annotations).map(mapEntry));
  const source = lastField(fields, field.sourceType)?.varint === seedSource ? "seed" : "key";
  return { api, keyId, ciphertext, annotations, data, source };
}

/**
 * Opens the data of an object.
 *
 * @param seed 32 bytes.
 * @param etcdKey the whole key in etcd, prefix included: the additional data.
 * @returns `undefined` if the seed is another one, the key in etcd is, or a byte was changed.
 */
export function openObject(object: EncryptedObject, seed: Uint8Array, etcdKey: Uint8Array): OpenedObject | undefined {
  if (seed.length !== sizes.seed) return undefined;
  const { data, source, api } = object;
  if (source === "key") {
    const opened = openGcm(seed, data, etcdKey) ?? undefined;
    if (opened !== undefined) return { plaintext: opened, isAuthenticated: true };
    return api === "v1beta1" ? openCbc(seed, data) : undefined;
  }
  // HKDF-Expand of RFC 5869 for one block: the seed is a uniform key, so kube-apiserver leaves out the extraction.
  const info = data.subarray(0, sizes.info);
  const key = new Uint8Array(createHmac("sha256", seed).update(concat(info, Uint8Array.of(1))).digest());
  try {
    const opened = openGcm(key, data.subarray(sizes.info), etcdKey);
    return opened === undefined ? undefined : { plaintext: opened, isAuthenticated: true };
  } finally {
    key.fill(0);
  }
}

/** Nonce · ciphertext · tag. */
function openGcm(key: Uint8Array, sealed: Uint8Array, etcdKey: Uint8Array): Uint8Array | undefined {
  if (sealed.length < sizes.nonce + sizes.tag) return undefined;
  const end = sealed.length - sizes.tag;
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, sizes.nonce), { authTagLength: sizes.tag })
    .setAAD(etcdKey);
  decipher.setAuthTag(sealed.subarray(end));
  const plaintext = new Uint8Array(decipher.update(sealed.subarray(sizes.nonce, end)));
  try {
    decipher.final();
    return plaintext;
  } catch {
    plaintext.fill(0);
    return undefined;
  }
}

/** IV · ciphertext with PKCS #7 padding. Only what begins as an object of Kubernetes counts as opened. */
function openCbc(key: Uint8Array, sealed: Uint8Array): OpenedObject | undefined {
  if (sealed.length < 2 * sizes.block || sealed.length % sizes.block !== 0) return undefined;
  try {
    const decipher = createDecipheriv("aes-256-cbc", key, sealed.subarray(0, sizes.block));
    const plaintext = concat(decipher.update(sealed.subarray(sizes.block)), decipher.final());
    return isObject(plaintext) ? { plaintext, isAuthenticated: false } : undefined;
  } catch {
    return undefined;
  }
}

/** Whether bytes begin as protobuf (`k8s` and a zero byte) or JSON of Kubernetes. */
function isObject(bytes: Uint8Array): boolean {
  const [a, b, c, d] = bytes;
  return a === 0x7b || (a === 0x6b && b === 0x38 && c === 0x73 && d === 0);
}
