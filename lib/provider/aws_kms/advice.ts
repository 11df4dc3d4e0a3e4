/**
 * Advice about the settings of a key in AWS KMS.
 *
 * @module
 */
import type { ProviderAdvice } from "../advice.ts";
import { isAlias } from "./arn.ts";
import type { AwsKmsSettings } from "./settings.ts";

/** The folders in which the kubelet mounts service account tokens, and EKS's webhook those for AWS. */
const mountedTokens = ["/var/run/secrets/kubernetes.io/", "/var/run/secrets/eks.amazonaws.com/"] as const;

/**
 * Folder of the tokens for the EKS Pod Identity agent, which exchanges tokens of the cluster's API server for
 * credentials.
 */
const podIdentityFolder = "/var/run/secrets/pods.eks.amazonaws.com/";

/** See {@linkcode ProviderAdvice}. */
export function awsKmsAdvice(settings: AwsKmsSettings): ProviderAdvice {
  return {
    warnings: warnings(settings),
    rotation: { by: "command", command: rotateCommand(settings) },
    pendingCreation: () => Promise.resolve(undefined),
  };
}

function warnings({ key, auth, assumeRole }: AwsKmsSettings): readonly string[] {
  const forEver = auth.method === "access-key" && auth.sessionToken === undefined && assumeRole === undefined;
  return [
    ...(isAlias(key)
      ? [
        "Its key is named by an alias. It is resolved once, at the first call, and must never be moved to another key: " +
        "after the next start nothing that was wrapped before would open. Name the key by its ARN.",
      ]
      : []),
    ...(isFromApiServer(auth)
      ? [
        "Its token comes from an API server. If it is the one that this plugin serves, there is no new token while that " +
        "is down: use one that something else issues and renews, or the role of the machine.",
      ]
      : []),
    ...(forEver
      ? [
        "Its access key does not expire: whoever copies it may use the key until somebody takes the access key away. Use " +
        "the role of the machine where there is one.",
      ]
      : []),
  ];
}

function isFromApiServer(auth: AwsKmsSettings["auth"]): boolean {
  if (auth.method !== "web-identity" && auth.method !== "container") return false;
  const from = auth.token?.description ?? "";
  return [...mountedTokens, podIdentityFolder].some((folder) => from.includes(folder));
}

/** The command of the AWS CLI that adds new key material; the old material continues to decrypt. */
function rotateCommand({ key, region }: AwsKmsSettings): string {
  return `aws kms rotate-key-on-demand --region ${region} --key-id ${key}`;
}
