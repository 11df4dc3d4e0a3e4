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
  return providers.map((provider) => {
    const names = providers.filter(({ kind }) => kind === provider.kind).map(({ name }) => name);
    return policyOf(provider, names);
  }).filter((file) => file !== undefined);
}

/** @param names of all providers of this kind. */
function policyOf(provider: RawProvider, [first = provider.name, ...more]: readonly string[]): PolicyFile | undefined {
  switch (provider.kind) {
    case "vault-transit":
      return vault(provider, more.length === 0 ? "trousseau" : `trousseau-${provider.name}`);
    case "aws-kms":
      return aws(provider);
    case "azure-key-vault":
      return azure(provider.name, first);
    case "gcp-kms":
      return google(provider.name, first);
    default:
      return undefined;
  }
}

function vault({ name, mount, key }: ProviderOf<"vault-transit">, policy: string): PolicyFile {
  const rule = (_: string, verb: string) => `path ${JSON.stringify(`${mount}/${verb}/${key}`)}`;
  return {
    name: `${name}.hcl`,
    text: initAssets.vaultPolicy.replaceAll(/path "transit\/(\w+)\/kubernetes"/g, rule),
    use: `vault policy write ${policy} ${name}.hcl`,
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

/** The role names no key: one role serves all keys. */
function azure(name: string, first: string): PolicyFile {
  return {
    name: `${name}.json`,
    text: initAssets.azurePolicy.replace("00000000-0000-0000-0000-000000000000", "SUBSCRIPTION-ID"),
    use: name === first
      ? `write your subscription for SUBSCRIPTION-ID, az role definition create --role-definition ${name}.json, ` +
        "and assign the role on the key alone"
      : `assign the role of ${first}.json on this key alone; for a key in another subscription, add that to the role's ` +
        "AssignableScopes first",
  };
}

/** The role names no key: one role serves all keys of a project. */
function google(name: string, first: string): PolicyFile {
  const create = `gcloud iam roles create trousseau --project PROJECT --file ${name}.yaml`;
  return {
    name: `${name}.yaml`,
    text: initAssets.gcpPolicy,
    use: name === first
      ? `${create}, and grant the role on the key alone`
      : `grant the role of ${first}.yaml on this key alone; for a key in another project, ${create} first`,
  };
}
