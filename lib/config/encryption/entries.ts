/**
 * The entries of an EncryptionConfiguration.
 *
 * @module
 */

/** A provider, without its keys. */
export type EncryptionProvider =
  | { readonly kind: "aescbc" | "aesgcm" | "secretbox"; readonly keys: number }
  | { readonly kind: "identity" }
  | KmsEntry;

/** A `kms` provider. */
export interface KmsEntry {
  readonly kind: "kms";
  readonly name: string;
  readonly endpoint: string;
  readonly apiVersion: "v1" | "v2";
  /** A duration in Go's syntax; absent if the file has none. */
  readonly timeout?: string;
}

/** One item of `resources`. */
export interface EncryptionEntry {
  readonly resources: readonly string[];
  /** The first provider writes, all of them read. */
  readonly providers: readonly EncryptionProvider[];
}
