/**
 * The least rights of Trousseau at each KMS, for the keys of a configuration.
 *
 * @module
 */
import type { RawProvider } from "../../../config/schema.ts";
import { initAssets } from "./assets.ts";

/** A file for the administrator of a KMS. */
export interface PolicyFile {
  readonly name: string;
  readonly text: string;
  /** The command or the step that applies it. */
  readonly use: string;
}

type ProviderOf<Kind extends RawProvider["kind"]> = Extract<RawProvider, { kind: Kind }>;

/** One file for each provider whose KMS has policies. */
export function policiesOf(providers: readonly RawProvider[]): readonly PolicyFile[] {
  return providers.map(policyOf).filter((file) => file !== undefined);
}

function policyOf(provider: RawProvider): PolicyFile | undefined {
  switch (provider.kind) {
    case "vault-transit":
      return vault(provider);
    case "aws-kms":
      return aws(provider);
    case "azure-key-vault":
      return azure(provider.name);
    case "gcp-kms":
      return google(provider.name);
    default:
      return undefined;
  }
}

function vault({ name, mount, key }: ProviderOf<"vault-transit">): PolicyFile {
  const rule = (_: string, verb: string) => `path ${JSON.stringify(`${mount}/${verb}/${key}`)}`;
  return {
    name: `${name}.hcl`,
    text: initAssets.vaultPolicy.replaceAll(/path "transit\/(\w+)\/kubernetes"/g, rule),
    use: `vault policy write trousseau ${name}.hcl`,
  };
}

function aws({ name, key }: ProviderOf<"aws-kms">): PolicyFile {
  const isArn = /^arn:[^:]+:kms:[^:]*:[^:]*:key\//.test(key);
  const resource = isArn ? key : "ARN-OF-THE-KEY";
  const document: unknown = JSON.parse(
    initAssets.awsPolicy,
    (field, value) => field === "Resource" ? resource : value,
  );
  const attach = "attach it to the role of the node";
  return {
    name: `${name}.json`,
    text: `${JSON.stringify(document, null, 2)}\n`,
    use: isArn ? attach : `write the ARN of the key for ${resource}, and ${attach}`,
  };
}

function azure(name: string): PolicyFile {
  return {
    name: `${name}.json`,
    text: initAssets.azurePolicy.replace("00000000-0000-0000-0000-000000000000", "SUBSCRIPTION-ID"),
    use: `write your subscription for SUBSCRIPTION-ID, az role definition create --role-definition ${name}.json, ` +
      "and assign the role on the key alone",
  };
}

function google(name: string): PolicyFile {
  return {
    name: `${name}.yaml`,
    text: initAssets.gcpPolicy,
    use: `gcloud iam roles create trousseau --project PROJECT --file ${name}.yaml, and grant the role on the key alone`,
  };
}
