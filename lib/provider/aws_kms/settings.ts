/**
 * What an operator says about a key in AWS KMS.
 *
 * @module
 */
import type { SecretSource } from "../../base/secret.ts";
import type { TlsFiles } from "../../net/https/tls_files.ts";

/** An access key: where its parts are read from. */
export interface AccessKeySources {
  readonly accessKeyId: SecretSource;
  readonly secretAccessKey: SecretSource;
  /** For temporary credentials. */
  readonly sessionToken?: SecretSource;
}

/** How to come by credentials. */
export type AwsAuth =
  /** `environment` is the same with the variables that AWS's tools have agreed on. */
  | ({ readonly method: "access-key" | "environment" } & AccessKeySources)
  | {
    readonly method: "profile";
    readonly profile: string;
    /** Absolute paths of files as the AWS CLI has them; at least one. */
    readonly credentialsFile?: string;
    readonly configFile?: string;
    /** Where a profile's `credential_source = Ec2InstanceMetadata` leads to. */
    readonly metadata: string;
  }
  | {
    readonly method: "web-identity";
    readonly roleArn: string;
    readonly sessionName: string;
    /** A token of an issuer that the role trusts. */
    readonly token: SecretSource;
  }
  | {
    readonly method: "instance-metadata";
    /** Where the machine's metadata service is. */
    readonly metadata: string;
  }
  | {
    readonly method: "container";
    /** Where the container's agent gives out credentials: a whole URL. */
    readonly url: string;
    /** What the agent wants to see. */
    readonly token?: SecretSource;
  };

/** A role that is taken on with the credentials that there are. */
export interface AssumedRole {
  readonly roleArn: string;
  readonly externalId?: string;
  readonly sessionName: string;
}

/** One `aws-kms` entry of `providers`. */
export interface AwsKmsSettings {
  readonly kind: "aws-kms";
  readonly name: string;
  /** A key ID, a key's ARN, an alias such as `alias/kubernetes`, or an alias's ARN. */
  readonly key: string;
  readonly region: string;
  /** What every wrap is bound to; empty for none. */
  readonly encryptionContext: Readonly<Record<string, string>>;
  /** Origins that stand in for the Region's own, such as a VPC endpoint's. */
  readonly endpoint?: string;
  readonly stsEndpoint?: string;
  readonly fips: boolean;
  readonly dualStack: boolean;
  readonly auth: AwsAuth;
  readonly assumeRole?: AssumedRole;
  readonly tls: Pick<TlsFiles, "caFile" | "proxy">;
}
