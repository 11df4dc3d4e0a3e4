/**
 * What an operator says about a Vault transit key.
 *
 * @module
 */
import type { SecretSource } from "../../secret.ts";
import type { TlsFiles } from "../https/tls_files.ts";

/** How to log in. `mount` is the path of the auth method without slashes at its ends. */
export type VaultAuth =
  | { readonly method: "token"; readonly token: SecretSource }
  | {
    readonly method: "approle";
    readonly mount: string;
    readonly roleId: SecretSource;
    readonly secretId: SecretSource;
    /** Whether `secretId` holds a response-wrapping token instead of the secret ID itself. */
    readonly wrapped: boolean;
  }
  | { readonly method: "kubernetes"; readonly mount: string; readonly role: string; readonly jwt: SecretSource }
  | { readonly method: "jwt"; readonly mount: string; readonly role: string; readonly jwt: SecretSource }
  | { readonly method: "cert"; readonly mount: string; readonly role?: string }
  | {
    readonly method: "userpass";
    readonly mount: string;
    readonly username: string;
    readonly password: SecretSource;
  };

/** See {@linkcode TlsFiles}. */
export type VaultTls = TlsFiles;

/** One `vault-transit` entry of `providers`. */
export interface VaultTransitSettings {
  readonly kind: "vault-transit";
  readonly name: string;
  /** Origins such as `https://vault-1.example:8200`, tried in turn. */
  readonly addresses: readonly string[];
  readonly namespace?: string;
  /** The transit engine's mount path, without slashes at its ends. */
  readonly mount: string;
  readonly key: string;
  readonly auth: VaultAuth;
  readonly tls: VaultTls;
}
