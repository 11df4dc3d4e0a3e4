/**
 * The methods to get AWS credentials, one row each. None of them starts a process.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import type { HttpClient } from "../../net/https/client.ts";
import type { HttpCall } from "../../net/https/endpoint.ts";
import { readForLogin } from "../../net/https/logins.ts";
import type { CredentialSource } from "../../net/https/token_settings.ts";
import { type AwsGrant, type AwsKeys, checkedKeys, granted } from "./credentials.ts";
import { askContainer, askInstance } from "./metadata.ts";
import { readProfile } from "./profile.ts";
import type { AccessKeySources, AwsAuth, AwsKmsSettings } from "./settings.ts";
import { Sts } from "./sts.ts";

/**
 * Gets credentials; reads all secrets again.
 *
 * @throws {KmsError} `unauthenticated` if they are refused or cannot be read, otherwise the error of the request.
 */
export type Login = (call: HttpCall) => Promise<AwsGrant>;

/** One method with its settings. */
export interface LoginMethod {
  readonly login: Login;
  /** The source of credentials that the operator supplies; watched between logins. */
  readonly source?: CredentialSource<AwsKeys> | undefined;
}

interface Context {
  readonly provider: string;
  readonly http: HttpClient;
  readonly sts: Sts;
}

type Settings<Method extends AwsAuth["method"]> = Extract<AwsAuth, { readonly method: Method }>;

const methods = {
  "access-key": (auth) => accessKey(auth),
  "environment": (auth) => accessKey(auth),
  "profile": (auth, context) => profile(auth, context),
  "web-identity": ({ roleArn, sessionName, token }, { sts }) => ({
    login: async (call) =>
      await sts.assumeWithToken(roleArn, sessionName, (await readForLogin(token, call.action)).reveal(), call),
  }),
  "instance-metadata": ({ metadata }, { http }) => ({ login: (call) => askInstance(http, metadata, call) }),
  "container": ({ url, token }, { http }) => ({
    login: async (call) =>
      await askContainer(http, url, token === undefined ? undefined : await readForLogin(token, call.action), call),
  }),
} as const satisfies {
  readonly [Method in AwsAuth["method"]]: (
    auth: Settings<Method>,
    context: Context,
  ) => LoginMethod | Promise<LoginMethod>;
};

/**
 * The configured login.
 *
 * @throws {KmsError} `config` if the files of a profile exist and contain settings that are not supported.
 */
export async function loginOf(settings: AwsKmsSettings, http: HttpClient): Promise<LoginMethod> {
  const { name: provider, auth, assumeRole } = settings;
  const sts = new Sts(settings, http);
  const make = methods[auth.method] as (auth: AwsAuth, context: Context) => LoginMethod | Promise<LoginMethod>;
  const method = await make(auth, { provider, http, sts });
  if (assumeRole === undefined) return method;
  return { login: async (call) => await sts.assume(assumeRole, (await method.login(call)).token, call) };
}

function accessKey(sources: AccessKeySources): LoginMethod {
  const source: CredentialSource<AwsKeys> = {
    description: sources.secretAccessKey.description,
    read: () => readKeys(sources, "read the AWS credentials"),
  };
  return { login: async (call) => granted(await readKeys(sources, call.action)), source };
}

async function readKeys(sources: AccessKeySources, action: string): Promise<AwsKeys> {
  const { accessKeyId, secretAccessKey, sessionToken } = sources;
  const id = (await readForLogin(accessKeyId, action)).reveal();
  const secret = (await readForLogin(secretAccessKey, action)).reveal();
  const token = sessionToken === undefined ? undefined : (await readForLogin(sessionToken, action)).reveal();
  return checkedKeys(id, secret, token, secretAccessKey.description, action);
}

/** Reads a profile's files once at the start, so that unsupported settings are reported then. */
async function profile(auth: Settings<"profile">, { provider, http, sts }: Context): Promise<LoginMethod> {
  await readProfile(auth, "config", `open provider "${provider}"`);
  let held: AwsKeys | undefined;
  const login: Login = async (call) => {
    const { base, roles } = await readProfile(auth, "unauthenticated", call.action);
    let grant = await baseGrant(base, call);
    for (const role of roles) grant = await sts.assume(role, grant.token, call);
    held = grant.token;
    return grant;
  };
  const baseGrant = async (
    base: Awaited<ReturnType<typeof readProfile>>["base"],
    call: HttpCall,
  ): Promise<AwsGrant> => {
    if ("keys" in base) return granted(base.keys);
    if ("metadata" in base) return await askInstance(http, base.metadata, call);
    const token = await readForLogin(base.token, call.action);
    return await sts.assumeWithToken(base.roleArn, base.sessionName, token.reveal(), call);
  };
  const source: CredentialSource<AwsKeys> = {
    description: `profile ${auth.profile}`,
    async read() {
      const { base, roles } = await readProfile(auth, "unauthenticated", "read the AWS credentials");
      if ("keys" in base && roles.length === 0) return base.keys;
      // These credentials are issued to the plugin and replaced when they expire; the files contain no newer ones.
      if (held !== undefined) return held;
      throw new KmsError("unauthenticated", "Cannot read the AWS credentials: the profile holds none itself.");
    },
  };
  return { login, source };
}
