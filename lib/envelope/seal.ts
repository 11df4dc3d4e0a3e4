/**
 * Sealing a DEK seed under a data key: AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D, 8.2.2).
 *
 * @module
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { beginsWith, ByteWriter, concat, fieldSize, sameBytes } from "../base/bytes.ts";
import { KmsError } from "../base/errors.ts";
import { blankEnvelope, type Envelope, envelopeOffsets, formatSizes, type Threshold } from "./format.ts";
import { type Purpose, purposes } from "./purposes.ts";

const algorithm = "aes-256-gcm";
const dekBytes = 32;
const wholeTag = { authTagLength: formatSizes.tag } as const;

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

/**
 * Makes contexts, and keeps the last one of each purpose with its additional data: most Decrypts in a row are of seeds
 * under one data key.
 */
export class SealContexts {
  readonly #last = new Map<Purpose, SealContext>();

  /** The context of an envelope. */
  of(
    purpose: Purpose,
    keyId: string,
    { threshold, reference }: Pick<Envelope, "threshold" | "reference">,
  ): SealContext {
    const last = this.#last.get(purpose);
    const isSame = last?.keyId === keyId && last.threshold === threshold && sameBytes(last.reference, reference);
    if (isSame) return last;
    const context = bound({ purpose, threshold, keyId, reference: reference.slice() });
    this.#last.set(purpose, context);
    return context;
  }
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

/**
 * Seals a seed under a data key of 32 bytes. The parts of the envelope are written where they stay: each copy of few bytes
 * would cost about as much as their encryption.
 *
 * @returns the envelope as `encodeEnvelope` writes it.
 */
export function sealEnvelope(dek: Uint8Array, seed: Uint8Array, context: SealContext): Uint8Array {
  const bytes = blankEnvelope(context.threshold, context.reference, seed.length + formatSizes.tag);
  const nonce = crypto.getRandomValues(bytes.subarray(envelopeOffsets.nonce, envelopeOffsets.sealed));
  const cipher = createCipheriv(algorithm, dek, nonce).setAAD(context.additionalData ?? additionalDataOf(context));
  bytes.set(cipher.update(seed), envelopeOffsets.sealed);
  // GCM has no final block: this call only makes the tag.
  cipher.final();
  bytes.set(cipher.getAuthTag(), envelopeOffsets.sealed + seed.length);
  return bytes;
}

/**
 * Opens a sealed seed.
 *
 * @returns the seed, or `undefined` if the tag does not verify: another data key or context, or changed bytes.
 */
export function openSeed(dek: Uint8Array, envelope: Envelope, context: SealContext): Uint8Array | undefined {
  if (dek.length !== dekBytes) throw new KmsError("internal", "A data key has the wrong length.");
  const end = envelope.sealed.length - formatSizes.tag;
  const decipher = createDecipheriv(algorithm, dek, envelope.nonce, wholeTag)
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
