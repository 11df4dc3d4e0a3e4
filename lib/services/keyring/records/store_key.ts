/**
 * Store keys as rows: a key of 32 bytes, sealed under a data key that the providers have wrapped, in a frame whose name
 * binds the store, the key's ID, its use, epoch and creation time.
 *
 * @module
 */
import { concat, equalBytes, hex, sha256Hex } from "../../../base/bytes.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { decodeFrame, encodeFrameHead, type EnvelopeFrame } from "../../../envelope/format.ts";
import { openSeed, type SealContext, sealEnvelope } from "../../../envelope/seal.ts";
import { referenceTo, type Wrap } from "../../../envelope/wrap.ts";
import type { StoredRow } from "../engine/engine.ts";

/** The uses of a store key, each with its own key. */
export const keyUses = {
  /** Seals records. */
  record: true,
  /** HMACs of path segments in the index. Changed by `reindex` alone. */
  index: true,
  /** HMACs of tokens, codes and other names. Never changed: a name that is not stored has no second HMAC. */
  lookup: true,
  /** HMACs of generated values. Never changed, since fingerprints are shown to people. */
  fingerprint: true,
} as const satisfies Readonly<Record<string, true>>;

/** A use of a store key. */
export type KeyUse = keyof typeof keyUses;

/** The name of a store key; it is part of the additional data of its seal. */
export interface KeyName {
  /** 16 bytes. */
  readonly storeId: Uint8Array;
  /** 8 random bytes. */
  readonly id: Uint8Array;
  readonly use: KeyUse;
  /** 1, and one more with each `reseal`. */
  readonly epoch: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** A row of the table `key`, decoded and not yet opened. */
export interface StoreKeyRow extends KeyName {
  readonly frame: EnvelopeFrame;
  /** Of the engine. */
  readonly version: number;
  /** SHA-256 of the row's content in hexadecimal. */
  readonly hash: string;
}

/** A store key that is open. */
export interface OpenedKey extends StoreKeyRow {
  /** 32 bytes. */
  readonly bytes: Uint8Array;
}

const keyIdBytes = 8;
const storeKeyBytes = 32;
const namePattern = /^keyring\/1\/([0-9a-f]{32})\/([0-9a-f]{16})\/([a-z]+)\/([1-9][0-9]{0,8})\/(0|[1-9][0-9]{0,14})$/;

/** The name as the text of a frame: `keyring/1/STORE/KEY/USE/EPOCH/CREATED`. */
export function keyNameText({ storeId, id, use, epoch, createdAt }: KeyName): string {
  return `keyring/1/${hex(storeId)}/${hex(id)}/${use}/${epoch}/${createdAt}`;
}

/** The row of a store key. @param key 32 bytes. @param dek 32 bytes, wrapped as `wraps`. */
export function encodeStoreKey(key: Uint8Array, name: KeyName, dek: Uint8Array, wraps: readonly Wrap[]): Uint8Array {
  const context = contextOf(keyNameText(name), referenceTo(wraps));
  return concat(encodeFrameHead(context.keyId, wraps, "keyring"), sealEnvelope(dek, key, context));
}

/**
 * Decodes a row of the table `key`.
 *
 * @throws {KeyringError} `integrity` for anything that {@linkcode encodeStoreKey} cannot have made for this store and row.
 */
export function decodeStoreKey({ key, bytes, version }: StoredRow, storeId: Uint8Array): StoreKeyRow {
  const frame = frameOf(bytes);
  const [, store, id, use = "", epoch, createdAt] = namePattern.exec(frame?.keyId ?? "") ?? [];
  const known = isKeyUse(use) && store === hex(storeId) && id === hex(key) && key.length === keyIdBytes;
  if (!frame || !known) throw damagedKey();
  return {
    storeId,
    id: key,
    use,
    epoch: Number(epoch),
    createdAt: Number(createdAt),
    frame,
    version,
    hash: sha256Hex(bytes),
  };
}

/** Opens the seal of a store key. @returns 32 bytes; `undefined` if `dek` is the wrong data key. */
export function openStoreKey({ frame }: StoreKeyRow, dek: Uint8Array): Uint8Array | undefined {
  const key = openSeed(dek, frame.envelope, contextOf(frame.keyId, frame.envelope.reference));
  return key?.length === storeKeyBytes ? key : undefined;
}

/** Whether two keys have the same ID. */
export function isSameKey(one: KeyName, other: KeyName): boolean {
  return equalBytes(one.id, other.id);
}

/** The failure for a row of the table `key` that does not decode or open. */
export function damagedKey(cause?: unknown): KeyringError {
  const message = "A store key does not verify: the store was changed or damaged; restore a backup.";
  return new KeyringError("integrity", message, { cause });
}

function frameOf(bytes: Uint8Array): EnvelopeFrame | undefined {
  try {
    return decodeFrame(bytes, "keyring");
  } catch {
    return undefined;
  }
}

function isKeyUse(text: string): text is KeyUse {
  return Object.hasOwn(keyUses, text);
}

function contextOf(keyId: string, reference: Uint8Array): SealContext {
  return { purpose: "keyring", threshold: 1, keyId, reference };
}
