/**
 * The key that signs the audit, sealed in the store.
 *
 * @module
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import * as z from "zod/mini";
import { utf8 } from "../../../base/bytes.ts";
import { jsonCodec } from "../records/json_codec.ts";
import type { RecordStore } from "../records/records.ts";

const codec = jsonCodec<{ readonly key: string }>("meta", z.strictObject({ key: z.string() }));

const rowKey = utf8("audit-key");

/** A key pair for signatures with Ed25519. */
export interface AuditKeyPair {
  readonly signingKey: KeyObject;
  /** SubjectPublicKeyInfo in PEM. */
  readonly publicKey: string;
  /** Whether this call has made it. */
  readonly isNew: boolean;
}

/** The private key; `undefined` if none was made yet. @throws {KeyringError} as {@linkcode auditKeyPair}. */
export async function storedAuditKey(store: RecordStore, signal: AbortSignal): Promise<KeyObject | undefined> {
  const found = await store.reader(signal).get(codec, rowKey);
  return found === undefined ? undefined : createPrivateKey(found.value.key);
}

/**
 * The key pair of the store; the first use makes it.
 *
 * @throws {KeyringError} `integrity`, `kms_unavailable`, `store_unavailable`.
 */
export async function auditKeyPair(store: RecordStore, signal: AbortSignal): Promise<AuditKeyPair> {
  const made = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const key = await store.transaction(async (tx) => {
    const found = await tx.get(codec, rowKey);
    if (found !== undefined) return found.value.key;
    tx.put(codec, rowKey, { key: made });
    return made;
  }, signal);
  const signingKey = createPrivateKey(key);
  const publicKey = createPublicKey(signingKey).export({ type: "spki", format: "pem" }).toString();
  return { signingKey, publicKey, isNew: key === made };
}
