/**
 * What an operator says about a key in Google Cloud KMS.
 *
 * @module
 */
import type { TlsFiles } from "../../net/https/tls_files.ts";

/** How to log in to Google Cloud. Paths are absolute. */
export type GcpAuth =
  | {
    readonly method: "application-default";
    /** What $GOOGLE_APPLICATION_CREDENTIALS named; without it the machine's service account is meant. */
    readonly credentialsFile?: string;
    /** Where the machine's metadata server is. */
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

/** A service account that is acted as with the login that there is. */
export interface Impersonation {
  /** Its e-mail address. */
  readonly serviceAccount: string;
  /** Those in between, each of which may act as the next one. */
  readonly delegates: readonly string[];
}

/** Origins of Google's APIs. Where those of a login are left out, its file says where they are, or the universe does. */
export interface GcpEndpoints {
  readonly kms: string;
  readonly oauth?: string;
  readonly sts?: string;
  readonly iam?: string;
}

/** One `gcp-kms` entry of `providers`. */
export interface GcpKmsSettings {
  readonly kind: "gcp-kms";
  readonly name: string;
  /** `projects/P/locations/L/keyRings/R/cryptoKeys/K`. */
  readonly key: string;
  /** `googleapis.com`, or the domain of another cloud that Google's software runs. */
  readonly universeDomain: string;
  readonly endpoints: GcpEndpoints;
  /** What every wrap is bound to beside its version; empty for none. */
  readonly context: string;
  /** Whose quota and bill the calls go to; without it the login's own project. */
  readonly quotaProject?: string;
  readonly auth: GcpAuth;
  readonly impersonate?: Impersonation;
  readonly tls: Pick<TlsFiles, "caFile" | "proxy">;
}
