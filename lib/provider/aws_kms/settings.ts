/**
 * The settings of a key in AWS KMS.
 *
 * @module
 */
import type { SecretSource } from "../../base/secret.ts";
import type { TlsFiles } from "../../net/https/tls_files.ts";

/** The sources of the parts of an access key. */
export interface AccessKeySources {
  readonly accessKeyId: SecretSource;
  readonly secretAccessKey: SecretSource;
  /** For temporary credentials. */
  readonly sessionToken?: SecretSource;
}

/** The source of credentials. */
export type AwsAuth =
  /** `environment` is the same, with the variables that AWS tools use. */
  | ({ readonly method: "access-key" | "environment" } & AccessKeySources)
  | {
    readonly method: "profile";
    readonly profile: string;
    /** Absolute paths of files in the format of the AWS CLI; at least one. */
    readonly credentialsFile?: string;
    readonly configFile?: string;
    /** Origin of the metadata service for a profile with `credential_source = Ec2InstanceMetadata`. */
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
    /** Origin of the machine's metadata service. */
    readonly metadata: string;
  }
  | {
    readonly method: "container";
    /** URL at which the container's agent issues credentials. */
    readonly url: string;
    /** Token that the agent requires. */
    readonly token?: SecretSource;
  };

/** A role that is assumed with the credentials. */
export interface AssumedRole {
  /** ARN of the role. */
  readonly roleArn: string;
  readonly externalId?: string;
  /** Name of the session in AWS's logs. */
  readonly sessionName: string;
}

/** One `aws-kms` entry of `providers`. */
export interface AwsKmsSettings {
  readonly kind: "aws-kms";
  /** The operator's name for the key. */
  readonly name: string;
  /** A key ID, a key's ARN, an alias, for instance `alias/kubernetes`, or an alias's ARN. */
  readonly key: string;
  readonly region: string;
  /** The encryption context of every wrapped key; empty for none. */
  readonly encryptionContext: Readonly<Record<string, string>>;
  /** Origins that replace those of the Region, for instance of a VPC endpoint. */
  readonly endpoint?: string;
  readonly stsEndpoint?: string;
  /** Whether the FIPS endpoints of the Region are used. */
  readonly fips: boolean;
  /** Whether the dual-stack endpoints of the Region are used. */
  readonly dualStack: boolean;
  readonly auth: AwsAuth;
  /** A role that is assumed with the credentials of `auth`. */
  readonly assumeRole?: AssumedRole;
  readonly tls: Pick<TlsFiles, "caFile" | "proxy">;
}
