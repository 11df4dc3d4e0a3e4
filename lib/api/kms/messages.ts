/**
 * The decoded messages of both KMS APIs. Field names are those of the wire; `bytes` are Uint8Array; absent fields have
 * their empty values. The shapes follow `proto/kms_v2.proto` and `proto/kms_v1beta1.proto`.
 *
 * @module
 */
import type { Rpc } from "../../net/grpc/contract.ts";

/** The name of a KMS API. */
export type KmsApi = "v2" | "v1beta1";

/** The request of Status, which has no fields. */
export type StatusRequest = Record<string, never>;

/** The state of a v2 plugin. */
export interface StatusResponse {
  /** `v2` or `v2beta1`. */
  readonly version: string;
  /** `ok`, or the message that kube-apiserver shows at `/readyz/kms-providers`. */
  readonly healthz: string;
  /** 1 to 1,024 bytes. */
  readonly key_id: string;
}

/** A DEK seed to be sealed. */
export interface EncryptRequest {
  readonly plaintext: Uint8Array;
  readonly uid: string;
}

/** A sealed DEK seed. */
export interface EncryptResponse {
  /** 1 to 1,024 bytes. */
  readonly ciphertext: Uint8Array;
  readonly key_id: string;
  /** Domain names to bytes; keys and values together at most 32 KiB. */
  readonly annotations: Readonly<Record<string, Uint8Array>>;
}

/** A sealed DEK seed to be opened. */
export interface DecryptRequest extends EncryptResponse {
  readonly uid: string;
}

/** An opened DEK seed. */
export interface DecryptResponse {
  readonly plaintext: Uint8Array;
}

/** v1beta1: the version of the API that the API server uses. */
export interface VersionRequest {
  readonly version: string;
}

/** v1beta1: the version of the API and the name and version of the plugin. */
export interface VersionResponse {
  readonly version: string;
  readonly runtime_name: string;
  /** A semantic version. */
  readonly runtime_version: string;
}

/** v1beta1: a DEK, or the 4 bytes `ping`, to be sealed. */
export interface V1EncryptRequest {
  readonly version: string;
  readonly plain: Uint8Array;
}

/** v1beta1: a sealed DEK of at most 65,535 bytes. The API server stores its length in two bytes. */
export interface V1EncryptResponse {
  readonly cipher: Uint8Array;
}

/** v1beta1: a sealed DEK to be opened. */
export interface V1DecryptRequest {
  readonly version: string;
  readonly cipher: Uint8Array;
}

/** v1beta1: an opened DEK. */
export interface V1DecryptResponse {
  readonly plain: Uint8Array;
}

/** The RPCs of `v2.KeyManagementService`. */
export interface V2Rpcs {
  Status: Rpc<StatusRequest, StatusResponse>;
  Encrypt: Rpc<EncryptRequest, EncryptResponse>;
  Decrypt: Rpc<DecryptRequest, DecryptResponse>;
}

/** The RPCs of `v1beta1.KeyManagementService`. */
export interface V1beta1Rpcs {
  Version: Rpc<VersionRequest, VersionResponse>;
  Encrypt: Rpc<V1EncryptRequest, V1EncryptResponse>;
  Decrypt: Rpc<V1DecryptRequest, V1DecryptResponse>;
}
