/**
 * Profiles in the files that the AWS CLI and the SDKs share: the source of their credentials, and the roles that are
 * assumed with them. The precedence is botocore's. A profile that takes credentials from a process, a browser or MFA is
 * rejected.
 *
 * @module
 */
import { readSecretFile } from "../../base/credential_file.ts";
import { whyUnreadable } from "../../base/durable_file.ts";
import { type ErrorCode, KmsError } from "../../base/errors.ts";
import { Secret, type SecretSource, UnreadableSecretError } from "../../base/secret.ts";
import { type AwsKeys, checkedKeys } from "./credentials.ts";
import { type Fail, ProfileFiles, type ProfileSection } from "./profile_files.ts";
import type { AssumedRole, AwsAuth } from "./settings.ts";

/** The source of a profile's first credentials. */
export type ProfileBase =
  | { readonly keys: AwsKeys }
  | { readonly metadata: string }
  | { readonly roleArn: string; readonly sessionName: string; readonly token: SecretSource };

/** A profile with all of its source profiles resolved. */
export interface Profile {
  readonly base: ProfileBase;
  /** Roles to assume, in this order. */
  readonly roles: readonly AssumedRole[];
}

type Settings = Extract<AwsAuth, { readonly method: "profile" }>;

/** Maximum number of profiles that are linked by `source_profile`. */
const maxChain = 5;

const browser = "wants a login in a browser";

/** Settings that would start a process, open a browser or prompt a person. */
const refused = {
  credential_process: "wants a process started, which Trousseau never does",
  sso_role_name: browser,
  sso_account_id: browser,
  sso_session: browser,
  sso_start_url: browser,
  login_session: browser,
  mfa_serial: "wants a code from somebody",
} as const satisfies Record<string, string>;

/** A profile on the path of source profiles. */
interface Step {
  readonly name: string;
  readonly section: ProfileSection;
  readonly fail: Fail;
}

/**
 * Reads the profile from the files.
 *
 * @param code code of the error if the profile cannot be used.
 * @throws {KmsError} with that code.
 */
export async function readProfile(settings: Settings, code: ErrorCode, action: string): Promise<Profile> {
  const fail = (why: string, cause?: unknown) => new KmsError(code, `Cannot ${action}: ${why}.`, { cause });
  const files = await ProfileFiles.read(settings, fail);
  const roles: AssumedRole[] = [];
  const visited = [settings.profile];
  for (let name = settings.profile;;) {
    const step = stepTo(name, files, fail);
    const { section } = step;
    const isRole = section.has("role_arn") && !section.has("web_identity_token_file");
    const hasKeys = section.has("aws_access_key_id") || section.has("aws_secret_access_key");
    // A source's own keys take precedence over its role. A profile that is its own source uses its own keys.
    if (!isRole || (visited.length > 1 && hasKeys)) return { base: baseOf(step), roles: roles.reverse() };
    roles.push(roleOf(step));
    const next = sourceOf(step);
    if (next === undefined) return { base: { metadata: settings.metadata }, roles: roles.reverse() };
    const subject = `profile "${name}" in the AWS files`;
    if (next === name && !hasKeys) throw fail(`${subject} holds no AWS credentials and is its own source_profile`);
    if (next !== name && visited.includes(next)) {
      throw fail(`${subject} leads in a circle (source_profile, ${section.place("source_profile")})`);
    }
    if (visited.length >= maxChain) {
      throw fail(`${subject} is the end of more than ${maxChain} profiles that follow from each other`);
    }
    visited.push(next);
    name = next;
  }
}

function stepTo(name: string, files: ProfileFiles, fail: Fail): Step {
  const section = files.get(name);
  if (section !== undefined) return { name, section, fail };
  const misnamed = files.misnamed(name);
  const missing = `profile "${name}" in the AWS files is not there`;
  throw fail(misnamed === undefined ? missing : `${missing}: ${misnamed}`);
}

function refuse({ name, section, fail }: Step, ...fields: readonly (keyof typeof refused)[]): void {
  const field = fields.find((one) => section.has(one));
  if (field === undefined) return;
  throw fail(`profile "${name}" in the AWS files ${refused[field]} (${field}, ${section.place(field)})`);
}

/** The source profile of a role; `undefined` for the machine's own role. */
function sourceOf({ name, section, fail }: Step): string | undefined {
  const [profile, source] = [section.get("source_profile"), section.get("credential_source")];
  const subject = `profile "${name}" in the AWS files`;
  if (profile !== undefined && source !== undefined) {
    const places = `${section.place("source_profile")} and ${section.place("credential_source")}`;
    throw fail(`${subject} has both source_profile and credential_source (${places}); keep one`);
  }
  if (profile !== undefined) return profile;
  if (source === "Ec2InstanceMetadata") return undefined;
  const place = section.place(source === undefined ? "role_arn" : "credential_source");
  throw fail(`${subject} names no credentials that Trousseau can get (${place}); see docs/kms/aws.md`);
}

function roleOf(step: Step): AssumedRole {
  refuse(step, "mfa_serial");
  const { section } = step;
  const externalId = section.get("external_id");
  return {
    roleArn: section.get("role_arn") ?? "",
    sessionName: section.get("role_session_name") ?? "trousseau",
    ...(externalId === undefined ? {} : { externalId }),
  };
}

/** The credentials of a profile itself. */
function baseOf(step: Step): ProfileBase {
  const { name, section, fail } = step;
  if (section.has("web_identity_token_file")) return webIdentity(step);
  refuse(step, "sso_role_name", "sso_account_id");
  const inCredentials = section.accessKey("credentials");
  if (inCredentials === undefined) refuse(step, "login_session", "credential_process");
  const found = inCredentials ?? section.accessKey("config");
  if (found === undefined) refuse(step, "sso_session", "sso_start_url");
  try {
    return { keys: checkedKeys(found?.id, found?.secret, found?.token, `profile "${name}"`, "read it") };
  } catch (cause) {
    throw fail(`profile "${name}" in the AWS files holds no AWS credentials`, cause);
  }
}

function webIdentity({ name, section, fail }: Step): ProfileBase {
  const tokenFile = section.get("web_identity_token_file");
  const roleArn = section.get("role_arn");
  if (tokenFile === undefined || roleArn === undefined) {
    const place = section.place("web_identity_token_file");
    throw fail(`profile "${name}" in the AWS files has web_identity_token_file and no role_arn (${place})`);
  }
  return { roleArn, sessionName: section.get("role_session_name") ?? "trousseau", token: tokenIn(tokenFile) };
}

/** Maximum size in bytes; a web identity token has about 1 KiB. */
const largestToken = 64 * 1024;

function tokenIn(path: string): SecretSource {
  return {
    description: `file ${path}`,
    read: async () => {
      const text = await readSecretFile(path, largestToken).catch((thrown) => {
        throw new UnreadableSecretError(`file ${path}`, whyUnreadable(thrown, path), thrown);
      });
      return new Secret(text);
    },
  };
}
