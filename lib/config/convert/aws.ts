/**
 * Converts the original's `awskms.yaml`.
 *
 * @module
 */
import { isAlias, parseKmsArn } from "../../provider/aws_kms/arn.ts";
import type { OldFields } from "./notes.ts";
import { address, type ConvertedProvider } from "./provider.ts";

/** The paths to which the user copies the files that the original read from the home folder. */
const files = { credentialsFile: "/etc/trousseau/aws-credentials", configFile: "/etc/trousseau/aws-config" } as const;

/** The encryption context of the original's data in AWS KMS, if it had one. */
export type OldContext = Readonly<Record<string, string>>;

/** The result for one file. */
export interface ConvertedAws {
  readonly provider: ConvertedProvider;
  readonly context: OldContext | undefined;
}

/** Converts to one `aws-kms` provider. */
export function convertAws(old: OldFields, name: string): ConvertedAws {
  const context = encryptionContext(old);
  const roleArn = old.text("roleArn");
  const provider: ConvertedProvider = {
    kind: "aws-kms",
    name,
    key: key(old),
    ...(context === undefined ? {} : { encryptionContext: context }),
    ...endpoints(old, roleArn !== undefined),
    auth: auth(old),
    ...(roleArn === undefined ? {} : { assumeRole: { roleArn } }),
  };
  if (old.text("assumeRoleMFAToken") !== undefined) {
    old.note("assumeRoleMFAToken", "is not carried over: nobody is asked for a code when the plugin starts");
  }
  old.noteRest();
  return { provider, context };
}

function key(old: OldFields): string {
  const arn = old.text("keyArn");
  if (arn === undefined) old.note("keyArn", "is missing; write the key's ARN into the output");
  else if (isAlias(arn)) {
    old.note("keyArn", "is an alias, which is resolved once at each start; better write the key's own ARN");
  } else if (parseKmsArn(arn) === undefined) old.note("keyArn", "is no ARN of a key; write it into the output");
  return arn ?? "alias/kubernetes";
}

/** The endpoints; the original used one for both KMS and STS. */
function endpoints(old: OldFields, withRole: boolean): { endpoint?: string; stsEndpoint?: string } {
  if (old.text("endpoint") === undefined) return {};
  const endpoint = address(old, "endpoint");
  return withRole ? { endpoint, stsEndpoint: endpoint } : { endpoint };
}

function auth(old: OldFields): unknown {
  const profile = old.text("profile");
  if (profile === undefined) {
    old.note(
      "",
      "the original logged in with whatever AWS's library found; instance-metadata is written, see auth in the schema",
    );
    return { method: "instance-metadata" };
  }
  const { credentialsFile, configFile } = files;
  old.note(
    "profile",
    `was looked for in ~/.aws: copy credentials and config to ${credentialsFile} and ${configFile} (mode 0600)`,
  );
  return { method: "profile", profile, ...files };
}

function encryptionContext(old: OldFields): OldContext | undefined {
  const below = old.below("encryptionContext");
  if (below === undefined) return undefined;
  const entries = below.names().map((name) => [name, below.text(name)] as const);
  const texts = entries.filter((pair): pair is [string, string] => pair[1] !== undefined);
  return texts.length === 0 ? undefined : Object.fromEntries(texts);
}
