/**
 * The settings of a key in Azure Key Vault or Managed HSM.
 *
 * @module
 */
import type { SecretSource } from "../../base/secret.ts";
import type { TlsFiles } from "../../net/https/tls_files.ts";

/** The method to log in to Microsoft Entra ID. Tenants are GUIDs or domains, client IDs are GUIDs. */
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
    /** PEM: the certificate followed by its chain, and the key too if there is no `keyFile`. */
    readonly certificateFile: string;
    readonly keyFile?: string;
    /** Whether the chain is sent, for applications that trust a subject name and an issuer instead of a thumbprint. */
    readonly sendChain: boolean;
  }
  | {
    readonly method: "managed-identity";
    /** Client ID of a user-assigned identity; the machine's own identity if absent. */
    readonly clientId?: string;
    /** Origin of the machine's metadata service. */
    readonly metadata: string;
  }
  | {
    readonly method: "azure-arc";
    /** Origin of the machine's Arc agent, and the folder of the files with which it authenticates its clients. */
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

/** A wrapping algorithm that old data may have. This program never wraps with it. */
export type OldAlgorithm = "RSA-OAEP" | "RSA1_5";

/** One `azure-key-vault` entry of `providers`. */
export interface AzureKeyVaultSettings {
  readonly kind: "azure-key-vault";
  /** The operator's name for the key. */
  readonly name: string;
  /** The origin, for instance `https://team-a.vault.azure.net` or `https://pool.managedhsm.azure.net`. */
  readonly vault: string;
  /** The key's name in lowercase: Key Vault's names are case-insensitive. */
  readonly key: string;
  /** 32 hex digits. If present, this version always wraps, and a rotation in the vault is not followed. */
  readonly version?: string;
  readonly cloud: {
    /** The resource of tokens, for instance `https://vault.azure.net`; the vault's host is in its domain. */
    readonly resource: string;
    /** Origin of the token issuer, for instance `https://login.microsoftonline.com`. */
    readonly authority: string;
  };
  /** Tried after RSA-OAEP-256 when a data key is unwrapped. */
  readonly unwrapAlgorithms: readonly OldAlgorithm[];
  readonly auth: AzureAuth;
  readonly tls: Pick<TlsFiles, "caFile" | "proxy">;
}
