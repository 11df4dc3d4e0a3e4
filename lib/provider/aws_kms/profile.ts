/**
 * Profiles in the files that the AWS CLI and the SDKs share: where their credentials come from, and which roles are taken
 * on with them.
 *
 * @module
 */
import { utf8Text } from "../../bytes.ts";
import { readRegularFile } from "../../durable_file.ts";
import { type ErrorCode, KmsError } from "../../errors.ts";
import { Secret, type SecretSource } from "../../secret.ts";
import { type AwsKeys, checkedKeys } from "./credentials.ts";
import { type Ini, readIni } from "./ini.ts";
import type { AssumedRole, AwsAuth } from "./settings.ts";

/** Where a profile's first credentials come from. */
export type ProfileBase =
  | { readonly keys: AwsKeys }
  | { readonly metadata: string }
  | { readonly roleArn: string; readonly sessionName: string; readonly token: SecretSource };

/** A profile, followed to its end. */
export interface Profile {
  readonly base: ProfileBase;
  /** Taken on one after the other. */
  readonly roles: readonly AssumedRole[];
}

type Settings = Extract<AwsAuth, { readonly method: "profile" }>;
type Fields = Readonly<Record<string, string>>;

/** How many profiles may follow from each other by `source_profile`. */
const longestChain = 5;

/** What would start a process, open a browser or ask somebody. */
const refused = {
  credential_process: "wants a process started, which Trousseau never does",
  sso_session: "wants a login in a browser",
  sso_start_url: "wants a login in a browser",
  login_session: "wants a login in a browser",
  mfa_serial: "wants a code from somebody",
} as const satisfies Record<string, string>;

/**
 * Reads the files of now.
 *
 * @param code of the error where the profile cannot be used.
 * @throws {KmsError} with that code.
 */
export async function readProfile(settings: Settings, code: ErrorCode, action: string): Promise<Profile> {
  const fail = (why: string, cause?: unknown) => new KmsError(code, `Cannot ${action}: ${why}.`, { cause });
  const profiles = await readProfiles(settings, fail);
  const roles: AssumedRole[] = [];
  const seen = new Set<string>();
  for (let name = settings.profile;;) {
    const told = `profile "${name}" in the AWS files`;
    const fields = profiles.get(name);
    if (fields === undefined) throw fail(`${told} is not there`);
    const impossible = Object.entries(refused).find(([field]) => field in fields);
    if (impossible !== undefined) throw fail(`${told} ${impossible[1]} (${impossible[0]})`);
    const again = seen.has(name);
    seen.add(name);
    const base = baseOf(name, fields, settings, again, fail);
    if (base !== undefined) return { base, roles: roles.reverse() };
    if (again) throw fail(`${told} holds no AWS credentials`);
    const { source_profile: next = "" } = fields;
    roles.push(roleOf(name, fields, fail));
    if (fields.credential_source === "Ec2InstanceMetadata") {
      return { base: { metadata: settings.metadata }, roles: roles.reverse() };
    }
    if (next === "") throw fail(`${told} names no credentials that Trousseau can get; see the README`);
    if (seen.size >= longestChain || (seen.has(next) && next !== name)) throw fail(`${told} leads in a circle`);
    name = next;
  }
}

type Fail = (why: string, cause?: unknown) => KmsError;

/** A profile's own credentials. One that names itself as its source means its keys, and its role only the first time. */
function baseOf(name: string, fields: Fields, settings: Settings, again: boolean, fail: Fail): ProfileBase | undefined {
  const { role_arn: roleArn, web_identity_token_file: tokenFile } = fields;
  if (tokenFile !== undefined && roleArn !== undefined) {
    return { roleArn, sessionName: fields.role_session_name ?? "trousseau", token: tokenIn(tokenFile) };
  }
  if (roleArn !== undefined && !again) return undefined;
  const { aws_access_key_id: id, aws_secret_access_key: secret, aws_session_token: token } = fields;
  if (id === undefined && secret === undefined) return undefined;
  try {
    return { keys: checkedKeys(id, secret, token, `profile "${settings.profile}"`, "read it") };
  } catch (cause) {
    throw fail(`profile "${name}" in the AWS files holds no AWS credentials`, cause);
  }
}

function roleOf(name: string, fields: Fields, fail: Fail): AssumedRole {
  const { role_arn: roleArn, external_id: externalId, role_session_name: sessionName = "trousseau" } = fields;
  if (roleArn === undefined) throw fail(`profile "${name}" in the AWS files holds no AWS credentials`);
  return { roleArn, sessionName, ...(externalId === undefined ? {} : { externalId }) };
}

/** In bytes; a token of a web identity has about 1 KiB. */
const largestToken = 64 * 1024;

function tokenIn(path: string): SecretSource {
  return {
    description: `file ${path}`,
    read: async () => new Secret((utf8Text(await readRegularFile(path, largestToken)) ?? "").trim()),
  };
}

/** All profiles of both files; what the credentials file says of one goes before what the config file says. */
async function readProfiles({ credentialsFile, configFile }: Settings, fail: Fail): Promise<Map<string, Fields>> {
  const profiles = new Map<string, Fields>();
  const add = (name: string, fields: Fields) => profiles.set(name, { ...profiles.get(name), ...fields });
  for (const [section, fields] of await sections(configFile, fail)) {
    const [, name] = /^(?:profile\s+)(\S.*)$/.exec(section) ?? [];
    if (name !== undefined) add(name, fields);
    else if (section === "default") add(section, fields);
  }
  for (const [section, fields] of await sections(credentialsFile, fail)) add(section, fields);
  return profiles;
}

async function sections(path: string | undefined, fail: Fail): Promise<Ini> {
  if (path === undefined) return new Map();
  try {
    return await readIni(path);
  } catch (cause) {
    throw fail(`${path} cannot be read as a file of AWS profiles`, cause);
  }
}
