/**
 * The messages of SOPS' key service as they look once decoded: field names as on the wire, `bytes` as Uint8Array, absent
 * fields as their empty values, absent messages left out. The shapes follow `proto/sops_keyservice.proto`.
 *
 * @module
 */
import type { Rpc } from "../../net/grpc/contract.ts";

/** The key of a file that names a key in Vault: the one that ours travel as. */
export interface VaultKey {
  readonly vault_address: string;
  readonly engine_path: string;
  readonly key_name: string;
}

/** A key in the metadata of a file. SOPS sets one of the fields; each is a kind of key. */
export interface SopsKey {
  readonly vault_key?: VaultKey;
  readonly kms_key?: object;
  readonly pgp_key?: object;
  readonly gcp_kms_key?: object;
  readonly azure_keyvault_key?: object;
  readonly age_key?: object;
  readonly hckms_key?: object;
}

/** A file's data key to be encrypted. */
export interface SopsEncryptRequest {
  readonly key?: SopsKey;
  /** 32 bytes, or 33 for a share of a data key that is split between groups of keys. */
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
