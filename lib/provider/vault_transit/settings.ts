/**
 * The settings of a Vault transit key.
 *
 * @module
 */
import type { SecretSource } from "../../base/secret.ts";
import type { TlsFiles } from "../../net/https/tls_files.ts";

/** Settings of a secret that can be supplied in a response-wrapping token. */
export interface MaybeWrapped {
  /** Whether the source contains a response-wrapping token instead of the secret; false if absent. */
  readonly wrapped?: boolean;
  /** Whether the unwrapped secret is stored in the state folder for the next start; false if absent. */
  readonly keepUnwrapped?: boolean;
}

/** An auth method. `mount` is its path without leading and trailing slashes. */
export type VaultAuth =
  | ({ readonly method: "token"; readonly token: SecretSource } & MaybeWrapped)
  | ({
    readonly method: "approle";
    readonly mount: string;
    readonly roleId: SecretSource;
    /** Absent for a role without secret IDs (`bind_secret_id=false`). */
    readonly secretId?: SecretSource;
  } & MaybeWrapped)
  | { readonly method: "kubernetes"; readonly mount: string; readonly role: string; readonly jwt: SecretSource }
  | { readonly method: "jwt"; readonly mount: string; readonly role: string; readonly jwt: SecretSource }
  | { readonly method: "cert"; readonly mount: string; readonly role?: string }
  | {
    readonly method: "userpass";
    readonly mount: string;
    readonly username: string;
    readonly password: SecretSource;
  };

/** No login: a Vault agent or proxy adds its own token to each request. */
export interface AgentAuth {
  readonly method: "agent";
}

/** See {@linkcode TlsFiles}. */
export type VaultTls = TlsFiles;

/** One `vault-transit` entry of `providers`. */
export interface VaultTransitSettings {
  readonly kind: "vault-transit";
  /** The operator's name for the key. */
  readonly name: string;
  /**
   * For instance `https://vault-1.example:8200`, `https://example.com/vault` or `unix:///run/agent.sock`; tried in
   * their order.
   */
  readonly addresses: readonly string[];
  /** Namespace of all requests; the root namespace if absent. */
  readonly namespace?: string;
  /** Mount path of the transit engine, without leading and trailing slashes. */
  readonly mount: string;
  /** Name of the transit key. */
  readonly key: string;
  readonly auth: VaultAuth | AgentAuth;
  readonly tls: VaultTls;
}
