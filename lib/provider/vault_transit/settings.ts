/**
 * What an operator says about a Vault transit key.
 *
 * @module
 */
import type { SecretSource } from "../../base/secret.ts";
import type { TlsFiles } from "../../net/https/tls_files.ts";

/** Settings of a secret that may be given by a response-wrapping token. */
export interface MaybeWrapped {
  /** Whether the source holds a response-wrapping token instead of the secret itself; false where it is left out. */
  readonly wrapped?: boolean;
  /** Whether the unwrapped secret is kept in the state folder for the next start; false where it is left out. */
  readonly keepUnwrapped?: boolean;
}

/** How to log in. `mount` is the path of the auth method without slashes at its ends. */
export type VaultAuth =
  | ({ readonly method: "token"; readonly token: SecretSource } & MaybeWrapped)
  | ({
    readonly method: "approle";
    readonly mount: string;
    readonly roleId: SecretSource;
    /** Left out for a role without secret IDs (`bind_secret_id=false`). */
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

/** No login: an agent or proxy of Vault's adds its own token to each request. */
export interface AgentAuth {
  readonly method: "agent";
}

/** See {@linkcode TlsFiles}. */
export type VaultTls = TlsFiles;

/** One `vault-transit` entry of `providers`. */
export interface VaultTransitSettings {
  readonly kind: "vault-transit";
  readonly name: string;
  /** Such as `https://vault-1.example:8200`, `https://example.com/vault` or `unix:///run/agent.sock`, tried in turn. */
  readonly addresses: readonly string[];
  readonly namespace?: string;
  /** The transit engine's mount path, without slashes at its ends. */
  readonly mount: string;
  readonly key: string;
  readonly auth: VaultAuth | AgentAuth;
  readonly tls: VaultTls;
}
