/**
 * Sealing a DEK seed under a data key: AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D, 8.2.2).
 *
 * @module
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { beginsWith, ByteWriter, concat, fieldSize, lengthPrefixed, utf8 } from "../base/bytes.ts";
import { KmsError } from "../base/errors.ts";
import type { Api } from "../telemetry/events.ts";
import { type Envelope, formatSizes, type Threshold } from "./format.ts";

const algorithm = "aes-256-gcm";
const dekBytes = 32;

/** What stands before a data key when it is wrapped, by what it is for. All have 15 bytes. */
const domainTags = { kms: utf8("trousseau-dek-1"), sops: utf8("trousseau-sop-1") } as const;

/** What a data key is for: kube-apiserver's seeds, or files of SOPS. One for the first never opens the second. */
export type DekDomain = keyof typeof domainTags;

/** What a seal is for: an API's seeds, or the random bytes that show later whether a version can still be opened. */
export type SealPurpose = Api | "sentinel";

/** What a sealed seed is bound to, beside the data key. */
export interface SealContext {
  readonly api: SealPurpose;
  readonly threshold: Threshold;
  /** Under `sops`, the name of the key in the file. */
  readonly keyId: string;
  readonly reference: Uint8Array;
  /** Made by {@linkcode bound}. */
  readonly additionalData?: Uint8Array;
}

/** The context with its additional data made once, for one that seals many seeds. */
export function bound(context: SealContext): SealContext {
  return { ...context, additionalData: additionalDataOf(context).slice() };
}

/** How many seeds one data key may seal: far below the 2^32 that random nonces allow (NIST SP 800-38D, 8.3). */
export const maxUsesOfDek = 2 ** 20;

/** A new data key, 32 random bytes. */
export function newDek(): Uint8Array {
  return new Uint8Array(randomBytes(dekBytes));
}

/** What providers wrap: the domain tag, then the data key; 47 bytes. */
export function taggedDek(dek: Uint8Array, domain: DekDomain = "kms"): Uint8Array {
  return concat(domainTags[domain], dek);
}

/** Whether bytes begin with a domain tag of ours, whatever comes after it. */
export function isTagged(bytes: Uint8Array): boolean {
  return Object.values(domainTags).some((tag) => beginsWith(bytes, tag));
}

/**
 * The data key behind the domain tag.
 *
 * @returns 32 bytes, or `undefined` where a KMS gave back something that we never wrapped as a data key of the domain.
 */
export function untaggedDek(bytes: Uint8Array, domain: DekDomain = "kms"): Uint8Array | undefined {
  const domainTag = domainTags[domain];
  if (bytes.length !== domainTag.length + dekBytes || !beginsWith(bytes, domainTag)) return undefined;
  return bytes.slice(domainTag.length);
}

/** Seals a seed. */
export function sealSeed(dek: Uint8Array, seed: Uint8Array, context: SealContext): Envelope {
  const nonce = randomBytes(formatSizes.nonce);
  const cipher = createCipheriv(algorithm, dek, nonce).setAAD(context.additionalData ?? additionalDataOf(context));
  const sealed = concat(cipher.update(seed), cipher.final(), cipher.getAuthTag());
  return { threshold: context.threshold, reference: context.reference, nonce, sealed };
}

/**
 * Opens a sealed seed.
 *
 * @returns the seed, or `undefined` if the tag does not fit: another data key, or bytes that were changed.
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
    // In this mode nothing is left to give out; what it does is to look at the tag.
    decipher.final();
    return seed;
  } catch {
    seed.fill(0);
    return undefined;
  }
}

/** All that does not change between two seals, by purpose: the format's name and the purpose. */
const boundTo = {
  v2: concat(utf8("trousseau/1"), lengthPrefixed(utf8("v2"))),
  v1beta1: concat(utf8("trousseau/1"), lengthPrefixed(utf8("v1beta1"))),
  sops: concat(utf8("trousseau/1"), lengthPrefixed(utf8("sops"))),
  sentinel: concat(utf8("trousseau/1"), lengthPrefixed(utf8("sentinel"))),
} as const satisfies Record<SealPurpose, Uint8Array>;

function additionalDataOf({ api, threshold, keyId, reference }: SealContext): Uint8Array {
  const first = boundTo[api];
  return new ByteWriter(first.length + 1 + fieldSize(keyId) + reference.length)
    .bytes(first).uint8(threshold).field(keyId).bytes(reference).written();
}
