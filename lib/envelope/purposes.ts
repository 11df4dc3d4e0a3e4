/**
 * The purposes of a seal, and the bytes that keep them apart.
 *
 * Data sealed for one purpose never opens for another: the purpose is part of the additional data, purposes of different
 * services also have different data key tags, and their frames begin with different bytes.
 *
 * @module
 */
import { concat, lengthPrefixed, utf8 } from "../base/bytes.ts";

/** The constant bytes of one purpose. All of them are part of the stored format and never change. */
interface PurposeRow {
  /** 15 bytes before the data key when a provider wraps it. Purposes with the same tag may share a data key. */
  readonly tag: Uint8Array;
  /** The first part of the additional data: format name, then the purpose behind its length. */
  readonly additionalData: Uint8Array;
  /** First byte of a frame; `undefined` if the API has separate fields for the parts of a frame. */
  readonly frame: number | undefined;
}

const [seedTag, fileTag, storeTag] = [utf8("trousseau-dek-1"), utf8("trousseau-sop-1"), utf8("trousseau-krg-1")];

const purposeBytes = (name: string) => concat(utf8("trousseau/1"), lengthPrefixed(utf8(name)));

/** One row for each purpose. */
export const purposes = {
  /** DEK seeds of kube-apiserver over KMS v2. */
  v2: { tag: seedTag, additionalData: purposeBytes("v2"), frame: undefined },
  /** DEKs of kube-apiserver over KMS v1beta1. */
  v1beta1: { tag: seedTag, additionalData: purposeBytes("v1beta1"), frame: 0xf1 },
  /** Random bytes that show later whether a version of a provider's key still unwraps the plugin's data keys. */
  sentinel: { tag: seedTag, additionalData: purposeBytes("sentinel"), frame: undefined },
  /** Data keys of files, from the key service for SOPS. */
  sops: { tag: fileTag, additionalData: purposeBytes("sops"), frame: 0xf5 },
  /** Store keys of the keyring. */
  keyring: { tag: storeTag, additionalData: purposeBytes("keyring"), frame: 0xf6 },
} as const satisfies Readonly<Record<string, PurposeRow>>;

/** The purpose of a seal. */
export type Purpose = keyof typeof purposes;

/** The purposes whose API has a single field of bytes, so that wraps and key ID are in a frame. */
export type FramedPurpose = {
  [Name in Purpose]: (typeof purposes)[Name]["frame"] extends number ? Name : never;
}[Purpose];
