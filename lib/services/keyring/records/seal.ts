/**
 * The seal of a record: AES-256-GCM under a key and nonce that HKDF-SHA-256 derives from a store key and 32 random bytes
 * of the record, so that the number of seals under one store key needs no count.
 *
 * Record: format 0x01 · store key ID 8 · revision 8 · salt 32 · ciphertext n · tag 16.
 *
 * Additional data: `trousseau/1 record` · format 1 · store ID 16 · store key ID 8 · table 1 · row key behind its length ·
 * revision 8 · context behind its length.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { ByteWriter, fieldSize, utf8 } from "../../../base/bytes.ts";
import { type RowName, tables } from "../engine/engine.ts";

const [recordFormat, domain, algorithm] = [1, utf8("trousseau/1 record"), "aes-256-gcm"] as const;

/** Sizes in bytes. */
export const recordSizes = { keyId: 8, revision: 8, salt: 32, key: 32, nonce: 12, tag: 16, header: 49 } as const;

/** The number of bytes by which a seal makes a record longer. */
export const recordOverhead = recordSizes.header + recordSizes.tag;

/** The values to which a record is bound, apart from its store key. */
export interface RecordBinding extends RowName {
  /** 16 bytes. */
  readonly storeId: Uint8Array;
  readonly context: Uint8Array;
}

/** A store key: its ID, 8 bytes, and its 32 bytes. */
export interface SealKey {
  readonly id: Uint8Array;
  readonly bytes: Uint8Array;
}

/** The readable part of a record, authenticated when it is opened. */
export interface RecordHeader {
  /** 8 bytes. */
  readonly keyId: Uint8Array;
  /** 0 to 2^53 - 1. */
  readonly revision: number;
}

/** Seals the content of a record. @param revision 0 to 2^53 - 1. */
export function sealRecord(content: Uint8Array, key: SealKey, binding: RecordBinding, revision: number): Uint8Array {
  const salt = randomBytes(recordSizes.salt);
  const { derived, nonce } = keysOf(key, salt);
  const record = Buffer.alloc(recordOverhead + content.length);
  record.writeUInt8(recordFormat, 0);
  record.set(key.id, 1);
  record.writeBigUInt64BE(BigInt(revision), 1 + recordSizes.keyId);
  record.set(salt, 1 + recordSizes.keyId + recordSizes.revision);
  const cipher = createCipheriv(algorithm, derived, nonce).setAAD(additionalData(key.id, binding, revision));
  record.set(cipher.update(content), recordSizes.header);
  cipher.final();
  record.set(cipher.getAuthTag(), recordSizes.header + content.length);
  derived.fill(0);
  return new Uint8Array(record.buffer, record.byteOffset, record.length);
}

/** The header of a record; `undefined` if {@linkcode sealRecord} cannot have made it. */
export function recordHeader(record: Uint8Array): RecordHeader | undefined {
  if (record.length < recordOverhead || record[0] !== recordFormat) return undefined;
  const view = new DataView(record.buffer, record.byteOffset, recordSizes.header);
  const revision = view.getBigUint64(1 + recordSizes.keyId);
  if (revision > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  return { keyId: record.subarray(1, 1 + recordSizes.keyId), revision: Number(revision) };
}

/**
 * Opens a record whose header was read.
 *
 * @returns its content; `undefined` if it was made with another key, row, revision or context, or was changed.
 */
export function openRecord(
  record: Uint8Array,
  { revision }: RecordHeader,
  key: SealKey,
  binding: RecordBinding,
): Uint8Array | undefined {
  const salt = record.subarray(recordSizes.header - recordSizes.salt, recordSizes.header);
  const { derived, nonce } = keysOf(key, salt);
  const end = record.length - recordSizes.tag;
  const decipher = createDecipheriv(algorithm, derived, nonce, { authTagLength: recordSizes.tag })
    .setAAD(additionalData(key.id, binding, revision));
  decipher.setAuthTag(record.subarray(end));
  const { buffer, byteOffset, byteLength } = decipher.update(record.subarray(recordSizes.header, end));
  const content = new Uint8Array(buffer, byteOffset, byteLength);
  derived.fill(0);
  try {
    // GCM has no final block: this call only checks the tag.
    decipher.final();
    return content;
  } catch {
    content.fill(0);
    return undefined;
  }
}

function keysOf({ bytes }: SealKey, salt: Uint8Array): { derived: Uint8Array; nonce: Uint8Array } {
  const both = new Uint8Array(hkdfSync("sha256", bytes, salt, domain, recordSizes.key + recordSizes.nonce));
  return { derived: both.subarray(0, recordSizes.key), nonce: both.subarray(recordSizes.key) };
}

function additionalData(keyId: Uint8Array, binding: RecordBinding, revision: number): Uint8Array {
  const { storeId, table, key, context } = binding;
  const size = domain.length + 2 + storeId.length + keyId.length + fieldSize(key) + 8 + fieldSize(context);
  return new ByteWriter(size).bytes(domain).uint8(recordFormat).bytes(storeId).bytes(keyId).uint8(tables[table])
    .field(key).uint32(Math.floor(revision / 2 ** 32)).uint32(revision % 2 ** 32).field(context).written();
}
