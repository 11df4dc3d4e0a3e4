/**
 * The decoded messages of SOPS' key service. Field names are those of the wire; `bytes` are Uint8Array; absent fields have
 * their empty values; absent messages are left out. The shapes follow `proto/sops_keyservice.proto`.
 *
 * @module
 */
import type { Rpc } from "../../net/grpc/contract.ts";

/** A key in Vault. Trousseau's keys have this form; see `key_uri.ts`. */
export interface VaultKey {
  readonly vault_address: string;
  readonly engine_path: string;
  readonly key_name: string;
}

/** A key in the metadata of a file. SOPS sets one field, which is the kind of the key. */
export interface SopsKey {
  readonly vault_key?: VaultKey;
  readonly kms_key?: object;
  readonly pgp_key?: object;
  readonly gcp_kms_key?: object;
  readonly azure_keyvault_key?: object;
  readonly age_key?: object;
  readonly hckms_key?: object;
}

/** The data key of a file, to be encrypted. */
export interface SopsEncryptRequest {
  readonly key?: SopsKey;
  /** 32 bytes, or 33 for a share of a data key that SOPS has split between key groups. */
  readonly plaintext: Uint8Array;
}

/** An encrypted data key. */
export interface SopsEncryptResponse {
  /** SOPS writes the bytes into the file as text. */
  readonly ciphertext: Uint8Array;
}

/** A data key to be decrypted. */
export interface SopsDecryptRequest {
  readonly key?: SopsKey;
  readonly ciphertext: Uint8Array;
}

/** A decrypted data key. */
export interface SopsDecryptResponse {
  readonly plaintext: Uint8Array;
}

/** The RPCs of `KeyService`. */
export interface SopsRpcs {
  Encrypt: Rpc<SopsEncryptRequest, SopsEncryptResponse>;
  Decrypt: Rpc<SopsDecryptRequest, SopsDecryptResponse>;
}
