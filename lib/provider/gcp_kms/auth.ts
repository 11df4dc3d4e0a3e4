/**
 * The methods to get a token from Google, one row each.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import type { HttpClient } from "../../net/https/client.ts";
import { form, type HttpCall } from "../../net/https/endpoint.ts";
import { field } from "../../net/https/fields.ts";
import { signedJwt } from "../../net/https/jwt.ts";
import { bearerGrant, loginRefusal, tokenGrant } from "../../net/https/logins.ts";
import { unacceptable } from "../../net/https/refusals.ts";
import { withServerTime } from "../../net/https/server_time.ts";
import type { Grant } from "../../net/https/session.ts";
import { type GoogleCredentials, readCredentials, type ServiceAccountKey } from "./credentials_file.ts";
import { exchange } from "./federation.ts";
import { actAs } from "./impersonation.ts";
import type { GcpAuth, GcpKmsSettings } from "./settings.ts";

/**
 * Logs in; reads all secrets again.
 *
 * @throws {KmsError} `unauthenticated` if the login is refused or a secret cannot be read, otherwise the error of the
 *   request.
 */
export type Login = (call: HttpCall) => Promise<Grant>;

/** The scopes of tokens: each call uses the narrowest one that Google offers for it. */
const scopes = {
  kms: "https://www.googleapis.com/auth/cloudkms",
  impersonate: "https://www.googleapis.com/auth/iam",
} as const;

/** A login for a token with the given scope. */
type ScopedLogin = (scope: string, call: HttpCall) => Promise<Grant>;

interface Context {
  readonly settings: GcpKmsSettings;
  readonly client: HttpClient;
}

type Settings<Method extends GcpAuth["method"]> = Extract<GcpAuth, { readonly method: Method }>;

/** Seconds; Google's maximum. */
const assertionLifetime = 3600;

const methods = {
  "application-default": ({ credentialsFile, metadata }, context) =>
    credentialsFile === undefined
      ? metadataLogin(metadata, "default", context)
      : fileLogin(credentialsFile, ["service_account", "external_account"], context),
  "service-account-key": ({ keyFile }, context) => fileLogin(keyFile, ["service_account"], context),
  "workload-identity": ({ credentialsFile }, context) => fileLogin(credentialsFile, ["external_account"], context),
  "metadata-server": ({ metadata, serviceAccount }, context) => metadataLogin(metadata, serviceAccount, context),
} as const satisfies {
  readonly [Method in GcpAuth["method"]]: (
    auth: Settings<Method>,
    context: Context,
  ) => ScopedLogin | Promise<ScopedLogin>;
};

/**
 * The configured login.
 *
 * @throws {KmsError} `config` if a file exists and contains settings that are not supported.
 */
export async function loginOf(settings: GcpKmsSettings, client: HttpClient): Promise<Login> {
  const { auth, impersonate } = settings;
  const make = methods[auth.method] as (auth: GcpAuth, context: Context) => ScopedLogin | Promise<ScopedLogin>;
  const context = { settings, client };
  const login = await make(auth, context);
  if (impersonate === undefined) return (call) => login(scopes.kms, call);
  return async (call) => {
    const own = await login(scopes.impersonate, call);
    const at = settings.endpoints.iam ?? `https://iamcredentials.${settings.universeDomain}`;
    return await actAs(client, impersonate, own, { scope: scopes.kms, seconds: 3600, at }, call);
  };
}

/** Reads the file once at the start, so that unsupported settings are reported then. */
async function fileLogin(
  path: string,
  types: readonly GoogleCredentials["type"][],
  context: Context,
): Promise<ScopedLogin> {
  const { name, universeDomain } = context.settings;
  await readCredentials(path, { types, universeDomain, code: "config", action: `open provider "${name}"` });
  return async (scope, call) => {
    const reading = { types, universeDomain, code: "unauthenticated", action: call.action } as const;
    const found = await readCredentials(path, reading);
    return found.type === "service_account"
      ? await byKey(context, found, scope, call)
      : await byFederation(context, found, scope, call);
  };
}

/** "Using OAuth 2.0 for Server to Server Applications", RFC 7523, section 2.1. */
async function byKey({ settings, client }: Context, account: ServiceAccountKey, scope: string, call: HttpCall) {
  const header = account.keyId === undefined ? {} : { kid: account.keyId };
  const claims = (wall: number) => {
    const iat = Math.floor(wall / 1000);
    return { iss: account.email, scope, iat, exp: iat + assertionLifetime };
  };
  const server = { name: "Google's OAuth", origin: settings.endpoints.oauth ?? new URL(account.tokenUrl).origin };
  if (settings.universeDomain !== "googleapis.com") {
    // In other universes there is no token service: the APIs accept a JWT that the key itself has signed ("Self-signed
    // JWT", AIP-4111).
    const own = signedJwt("RS256", header, { ...claims(systemClock.wall()), sub: account.email }, account.key);
    return tokenGrant(own, assertionLifetime * 1000, server, call);
  }
  // A `sub` here would be a user whom the service account impersonates.
  const path = new URL(account.tokenUrl).pathname;
  const answer = await withServerTime((wall) => {
    const assertion = signedJwt("RS256", header, { ...claims(wall), aud: account.tokenUrl }, account.key);
    const body = form({ grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion });
    const request = { method: "POST", path, headers: { accept: "application/json" }, body, once: true } as const;
    return client.ask(server, request, call);
  });
  if (answer.status === 200) return bearerGrant(answer, server, call);
  const refused = "it does not take the service account's key: it was deleted or disabled, or the clocks differ";
  throw loginRefusal(server, answer, field(answer.body, "error") === undefined ? undefined : refused, call);
}

async function byFederation(
  context: Context,
  account: Extract<GoogleCredentials, { readonly type: "external_account" }>,
  scope: string,
  call: HttpCall,
): Promise<Grant> {
  const { sts, iam } = context.settings.endpoints;
  const { impersonate, tokenUrl } = account;
  const origin = sts ?? new URL(tokenUrl).origin;
  const own = await exchange(context.client, origin, account, impersonate ? scopes.impersonate : scope, call);
  if (impersonate === undefined) return own;
  const { serviceAccount, seconds } = impersonate;
  const at = iam ?? new URL(impersonate.url).origin;
  return await actAs(context.client, { serviceAccount, delegates: [] }, own, { scope, seconds, at }, call);
}

/** Header that only responses of the metadata server have. */
const flavor = { name: "metadata-flavor", value: "Google" } as const;

/** "Authenticate applications directly with access tokens": its tokens have the machine's scopes. */
function metadataLogin(origin: string, serviceAccount: string, { client }: Context): ScopedLogin {
  const server = { name: "the metadata server", origin };
  const path = `/computeMetadata/v1/instance/service-accounts/${encodeURIComponent(serviceAccount)}/token`;
  return async (_scope, call) => {
    const request = { method: "GET", path, headers: { [flavor.name]: flavor.value } } as const;
    const answer = await client.ask(server, request, call);
    if (answer.headers[flavor.name] !== flavor.value) {
      throw unacceptable(call.action, "what answers in place of the metadata server is none of Google's");
    }
    if (answer.status === 200) return bearerGrant(answer, server, call);
    const refused = answer.status === 403 || answer.status === 404;
    throw loginRefusal(server, answer, refused ? "this machine has no such service account" : undefined, call);
  };
}
