/**
 * The bytes that kube-apiserver stores in etcd and SOPS in its files: encoded and decoded.
 *
 * Envelope (KMS v2 `ciphertext`): format 0xe1 · threshold 1 · reference 32 · nonce 12 · sealed seed n + 16. For a seed of
 * 32 bytes that is 94 bytes; the API server allows 1,024 and copies them into every object.
 *
 * Frame (KMS v1beta1 `cipher`): format 0xf1 · key ID behind two bytes of length · number of wraps · the wraps, each name
 * behind one byte, version and wrapped DEK behind two · the envelope. v1beta1 has neither annotations nor a key ID.
 *
 * For SOPS the frame begins with 0xf5 and holds the name of the file's key as its key ID. For a store key of the keyring
 * it begins with 0xf6 and holds the key's name.
 *
 * Every parser consumes all of its input or throws `integrity`.
 *
 * @module
 */
import { answerLimits } from "../api/kms/limits.ts";
import { ByteReader, concat, exactText, uint16, utf8 } from "../base/bytes.ts";
import { providerLimits } from "../provider/provider.ts";
import { type FramedPurpose, type Purpose, purposes } from "./purposes.ts";
import { foreignBytes, maxWraps, type Wrap } from "./wrap.ts";

const envelopeFormat = 0xe1;

/**
 * Sizes in bytes: of each fixed field, and the maximum of each part. Those of KMS v2 are kube-apiserver's. A frame stays
 * below kube-apiserver's limit for v1beta1, 65,535 bytes.
 */
export const formatSizes = {
  reference: 32,
  nonce: 12,
  tag: 16,
  keyId: answerLimits.keyId,
  envelope: answerLimits.ciphertext,
  /** Keys and values together. */
  annotations: answerLimits.annotations,
  frame: 61_440,
} as const;

/** Offsets in an envelope, in bytes. */
export const envelopeOffsets = {
  reference: 2,
  nonce: 2 + formatSizes.reference,
  sealed: 2 + formatSizes.reference + formatSizes.nonce,
} as const;

/** Number of wraps that have to be unwrapped to open an envelope: always 1. The byte is reserved for a later format. */
export type Threshold = 1;

/** The sealed seed and its reference to the wraps. */
export interface Envelope {
  readonly threshold: Threshold;
  /** SHA-256 over the wraps, 32 bytes. */
  readonly reference: Uint8Array;
  /** 12 random bytes. */
  readonly nonce: Uint8Array;
  /** The seed under AES-256-GCM, tag included: 17 bytes or more. */
  readonly sealed: Uint8Array;
}

/** The content of a frame. */
export interface EnvelopeFrame {
  /** For SOPS, the name of the file's key; for the keyring, that of the store key. */
  readonly keyId: string;
  readonly wraps: readonly Wrap[];
  readonly envelope: Envelope;
}

/** Whether bytes begin as an envelope or, for purposes with frames, as a frame. No data of another plugin does. */
export function beginsAsOurs(bytes: Uint8Array, purpose: Purpose): boolean {
  return bytes[0] === (purposes[purpose].frame ?? envelopeFormat);
}

/** An envelope as bytes. */
export function encodeEnvelope({ threshold, reference, nonce, sealed }: Envelope): Uint8Array {
  const bytes = blankEnvelope(threshold, reference, sealed.length);
  bytes.set(nonce, envelopeOffsets.nonce);
  bytes.set(sealed, envelopeOffsets.sealed);
  return bytes;
}

/** An envelope whose nonce and sealed seed are still zeros. @param sealedSize of the sealed seed, tag included, in bytes. */
export function blankEnvelope(threshold: Threshold, reference: Uint8Array, sealedSize: number): Uint8Array {
  const bytes = new Uint8Array(envelopeOffsets.sealed + sealedSize);
  bytes[0] = envelopeFormat;
  bytes[1] = threshold;
  bytes.set(reference, envelopeOffsets.reference);
  return bytes;
}

/**
 * An envelope from bytes.
 *
 * @throws {KmsError} `integrity` for anything that {@linkcode encodeEnvelope} cannot have made.
 */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  if (bytes.length > formatSizes.envelope) throw foreignBytes("the ciphertext is too long");
  const format = bytes[0];
  const threshold = bytes[1];
  if (format !== envelopeFormat) throw foreignBytes("the ciphertext does not begin as an envelope does");
  if (threshold !== 1) throw foreignBytes("the envelope's threshold is not 1");
  const { reference, nonce, sealed } = envelopeOffsets;
  if (bytes.length <= sealed + formatSizes.tag) throw foreignBytes("the envelope is cut off");
  return {
    threshold,
    reference: bytes.subarray(reference, nonce),
    nonce: bytes.subarray(nonce, sealed),
    sealed: bytes.subarray(sealed),
  };
}

/** A frame without its envelope. It stays the same while a data key is in use. */
export function encodeFrameHead(keyId: string, wraps: readonly Wrap[], purpose: FramedPurpose): Uint8Array {
  const keyIdBytes = utf8(keyId);
  return concat(
    Uint8Array.of(purposes[purpose].frame),
    uint16(keyIdBytes.length),
    keyIdBytes,
    Uint8Array.of(wraps.length),
    ...wraps.map(encodeWrap),
  );
}

function encodeWrap({ name, version, ciphertext }: Wrap): Uint8Array {
  const [nameBytes, versionBytes] = [utf8(name), utf8(version)];
  return concat(
    Uint8Array.of(nameBytes.length),
    nameBytes,
    uint16(versionBytes.length),
    versionBytes,
    uint16(ciphertext.length),
    ciphertext,
  );
}

/**
 * A frame from bytes.
 *
 * @throws {KmsError} `integrity` for anything that {@linkcode encodeFrameHead} and {@linkcode encodeEnvelope} cannot have made.
 */
export function decodeFrame(bytes: Uint8Array, purpose: FramedPurpose): EnvelopeFrame {
  if (bytes.length > formatSizes.frame) throw foreignBytes("the cipher is too long");
  const reader = new ByteReader(bytes);
  if (reader.uint8() !== purposes[purpose].frame) throw foreignBytes("the cipher does not begin as a frame does");
  const keyIdBytes = reader.field16();
  const count = reader.uint8();
  const keyId = keyIdBytes && exactText(keyIdBytes);
  if (!keyId || keyIdBytes.length > formatSizes.keyId) throw foreignBytes("the frame has no key ID");
  if (!count || count > maxWraps) throw foreignBytes("the frame has no wraps that can be counted");
  const wraps: Wrap[] = [];
  for (let i = 0; i < count; i++) wraps.push(readWrap(reader));
  const envelope = reader.rest();
  if (!envelope?.length) throw foreignBytes("the frame is cut off");
  return { keyId, wraps, envelope: decodeEnvelope(envelope) };
}

function readWrap(reader: ByteReader): Wrap {
  const name = textOf(reader.field8());
  const version = textOf(reader.field16());
  const ciphertext = reader.field16();
  if (!name || !version || !ciphertext?.length) throw foreignBytes("a wrap in the frame is cut off");
  if (version.length > providerLimits.version || ciphertext.length > providerLimits.ciphertext) {
    throw foreignBytes("a wrap in the frame is too long");
  }
  return { name, version, ciphertext };
}

function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes && exactText(bytes);
}
