/**
 * What an operator says about a key in Azure Key Vault or Managed HSM.
 *
 * @module
 */
import type { SecretSource } from "../../base/secret.ts";
import type { TlsFiles } from "../../net/https/tls_files.ts";

/** How to log in to Microsoft Entra ID. Tenants are GUIDs or domains, client IDs are GUIDs. */
export type AzureAuth =
  | {
    readonly method: "client-secret";
    readonly tenantId: string;
    readonly clientId: string;
    readonly clientSecret: SecretSource;
  }
  | {
    readonly method: "client-certificate";
    readonly tenantId: string;
    readonly clientId: string;
    /** PEM: the certificate, its chain behind it, and the key too where there is no `keyFile`. */
    readonly certificateFile: string;
    readonly keyFile?: string;
    /** Whether the chain is sent, for applications that trust a subject name and an issuer instead of a thumbprint. */
    readonly sendChain: boolean;
  }
  | {
    readonly method: "managed-identity";
    /** The client ID of a user-assigned identity; without it the machine's own is meant. */
    readonly clientId?: string;
    /** Where the machine's metadata service is. */
    readonly metadata: string;
  }
  | {
    readonly method: "azure-arc";
    /** Where the machine's Arc agent is, and the folder of the files by which it knows who asks. */
    readonly metadata: string;
    readonly keyFolder: string;
  }
  | {
    readonly method: "workload-identity";
    readonly tenantId: string;
    readonly clientId: string;
    /** A token of another issuer, which the application's federated credential trusts. */
    readonly token: SecretSource;
  };

/** What the wrapping algorithms of old data may be. Nothing is ever wrapped with them here. */
export type OldAlgorithm = "RSA-OAEP" | "RSA1_5";

/** One `azure-key-vault` entry of `providers`. */
export interface AzureKeyVaultSettings {
  readonly kind: "azure-key-vault";
  readonly name: string;
  /** The origin, such as `https://team-a.vault.azure.net` or `https://pool.managedhsm.azure.net`. */
  readonly vault: string;
  /** The key's name in lowercase: Key Vault does not tell names by their case. */
  readonly key: string;
  /** 32 hex digits: this version wraps for ever, and a rotation in the vault is not followed. */
  readonly version?: string;
  readonly cloud: {
    /** What tokens are for, such as `https://vault.azure.net`; the vault's host lies in its domain. */
    readonly resource: string;
    /** Where tokens come from, such as `https://login.microsoftonline.com`. */
    readonly authority: string;
  };
  /** Tried after RSA-OAEP-256 when a wrapped key is opened. */
  readonly unwrapAlgorithms: readonly OldAlgorithm[];
  readonly auth: AzureAuth;
  readonly tls: Pick<TlsFiles, "caFile" | "proxy">;
}
