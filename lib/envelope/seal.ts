/**
 * Sealing a DEK seed under a data key: AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D, 8.2.2).
 *
 * @module
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { beginsWith, ByteWriter, concat, fieldSize } from "../base/bytes.ts";
import { KmsError } from "../base/errors.ts";
import { type Envelope, formatSizes, type Threshold } from "./format.ts";
import { type Purpose, purposes } from "./purposes.ts";

const algorithm = "aes-256-gcm";
const dekBytes = 32;

/** The additional data of a sealed seed (NIST SP 800-38D, 5.2.1.1): it opens with the same values alone. */
export interface SealContext {
  readonly purpose: Purpose;
  readonly threshold: Threshold;
  /** For `sops`, the name of the key in the file; for `keyring`, that of the store key. */
  readonly keyId: string;
  /** 32 bytes: see `referenceTo`. */
  readonly reference: Uint8Array;
  /** Made by {@linkcode bound}. */
  readonly additionalData?: Uint8Array;
}

/** The context with its additional data encoded once, for a data key that seals many seeds. */
export function bound(context: SealContext): SealContext {
  return { ...context, additionalData: additionalDataOf(context).slice() };
}

/** Maximum number of seeds under one data key: far below the 2^32 of random nonces (NIST SP 800-38D, 8.3). */
export const maxUsesOfDek = 2 ** 20;

/** A new data key, 32 random bytes. */
export function newDek(): Uint8Array {
  return new Uint8Array(randomBytes(dekBytes));
}

/** The bytes that providers wrap: the purpose's tag, then the data key; 47 bytes. */
export function taggedDek(dek: Uint8Array, purpose: Purpose): Uint8Array {
  return concat(purposes[purpose].tag, dek);
}

/** Whether bytes begin with the tag of any purpose. */
export function isTagged(bytes: Uint8Array): boolean {
  return Object.values(purposes).some(({ tag }) => beginsWith(bytes, tag));
}

/**
 * The data key behind the purpose's tag.
 *
 * @returns 32 bytes, or `undefined` if Trousseau cannot have wrapped the bytes as a data key for this purpose.
 */
export function untaggedDek(bytes: Uint8Array, purpose: Purpose): Uint8Array | undefined {
  const { tag } = purposes[purpose];
  if (bytes.length !== tag.length + dekBytes || !beginsWith(bytes, tag)) return undefined;
  return bytes.slice(tag.length);
}

/** Seals a seed under a data key of 32 bytes. */
export function sealSeed(dek: Uint8Array, seed: Uint8Array, context: SealContext): Envelope {
  const nonce = crypto.getRandomValues(new Uint8Array(formatSizes.nonce));
  const cipher = createCipheriv(algorithm, dek, nonce).setAAD(context.additionalData ?? additionalDataOf(context));
  const sealed = concat(cipher.update(seed), cipher.final(), cipher.getAuthTag());
  return { threshold: context.threshold, reference: context.reference, nonce, sealed };
}

/**
 * Opens a sealed seed.
 *
 * @returns the seed, or `undefined` if the tag does not verify: another data key or context, or changed bytes.
 */
export function openSeed(dek: Uint8Array, envelope: Envelope, context: SealContext): Uint8Array | undefined {
  if (dek.length !== dekBytes) throw new KmsError("internal", "A data key has the wrong length.");
  const end = envelope.sealed.length - formatSizes.tag;
  const decipher = createDecipheriv(algorithm, dek, envelope.nonce, { authTagLength: formatSizes.tag })
    .setAAD(context.additionalData ?? additionalDataOf(context));
  decipher.setAuthTag(envelope.sealed.subarray(end));
  const { buffer, byteOffset, byteLength } = decipher.update(envelope.sealed.subarray(0, end));
  const seed = new Uint8Array(buffer, byteOffset, byteLength);
  try {
    // GCM has no final block: this call only checks the tag.
    decipher.final();
    return seed;
  } catch {
    seed.fill(0);
    return undefined;
  }
}

/** Format name · purpose behind its length · threshold in one byte · key ID behind its length · reference. */
function additionalDataOf({ purpose, threshold, keyId, reference }: SealContext): Uint8Array {
  const first: Uint8Array = purposes[purpose].additionalData;
  return new ByteWriter(first.length + 1 + fieldSize(keyId) + reference.length)
    .bytes(first).uint8(threshold).field(keyId).bytes(reference).written();
}
