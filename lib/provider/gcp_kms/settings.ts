/**
 * The settings of a key in Google Cloud KMS.
 *
 * @module
 */
import type { TlsFiles } from "../../net/https/tls_files.ts";

/** The method to log in to Google Cloud. Paths are absolute. */
export type GcpAuth =
  | {
    readonly method: "application-default";
    /** The value of $GOOGLE_APPLICATION_CREDENTIALS; the machine's service account if absent. */
    readonly credentialsFile?: string;
    /** Origin of the machine's metadata server. */
    readonly metadata: string;
  }
  | {
    readonly method: "service-account-key";
    /** A JSON file of type `service_account`. */
    readonly keyFile: string;
  }
  | {
    readonly method: "workload-identity";
    /** A JSON file of type `external_account`, as `gcloud iam workload-identity-pools create-cred-config` writes it. */
    readonly credentialsFile: string;
  }
  | {
    readonly method: "metadata-server";
    readonly metadata: string;
    /** An e-mail address, or `default`. */
    readonly serviceAccount: string;
  };

/** A service account that the login impersonates. */
export interface Impersonation {
  /** Its e-mail address. */
  readonly serviceAccount: string;
  /** Intermediate service accounts, each of which may impersonate the next one. */
  readonly delegates: readonly string[];
}

/** Origins of Google's APIs. If those of a login are absent, its file or the universe determines them. */
export interface GcpEndpoints {
  /** Cloud KMS. */
  readonly kms: string;
  /** OAuth 2.0 token endpoint. */
  readonly oauth?: string;
  /** Security Token Service. */
  readonly sts?: string;
  /** Service Account Credentials API. */
  readonly iam?: string;
}

/** One `gcp-kms` entry of `providers`. */
export interface GcpKmsSettings {
  readonly kind: "gcp-kms";
  /** The operator's name for the key. */
  readonly name: string;
  /** `projects/P/locations/L/keyRings/R/cryptoKeys/K`. */
  readonly key: string;
  /** `googleapis.com`, or the domain of another cloud that runs Google's software. */
  readonly universeDomain: string;
  readonly endpoints: GcpEndpoints;
  /** The context that every wrapped key is bound to, in addition to its version; empty for none. */
  readonly context: string;
  /** Project whose quota and billing account are used; the login's own project if absent. */
  readonly quotaProject?: string;
  readonly auth: GcpAuth;
  readonly impersonate?: Impersonation;
  readonly tls: Pick<TlsFiles, "caFile" | "proxy">;
}
