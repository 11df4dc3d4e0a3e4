/**
 * The methods to get a token from Microsoft Entra ID, one row each.
 *
 * @module
 */
import type { KmsError } from "../../base/errors.ts";
import type { Notify } from "../../telemetry/events.ts";
import type { HttpClient, Server } from "../../net/https/client.ts";
import { form, type HttpAnswer, type HttpCall } from "../../net/https/endpoint.ts";
import { field } from "../../net/https/fields.ts";
import { bearerGrant, loginRefusal, readForLogin } from "../../net/https/logins.ts";
import { RefusedLogin } from "../../net/https/login_holds.ts";
import type { RefusedLogins } from "../../net/https/refused_logins.ts";
import { withServerTime } from "../../net/https/server_time.ts";
import type { Grant } from "../../net/https/session.ts";
import { askArc } from "./arc.ts";
import { assertion } from "./assertion.ts";
import type { AzureAuth } from "./settings.ts";

/** The dependencies of a login. */
export interface LoginContext {
  /** The provider's name, for events. */
  readonly provider: string;
  readonly client: HttpClient;
  /** The resource of tokens, for instance `https://vault.azure.net`. */
  readonly resource: string;
  /** Origin of the token issuer. */
  readonly authority: string;
  readonly notify: Notify;
  /** Holds back a credential that was refused recently. */
  readonly refused: RefusedLogins;
  /** Runs before anything is sent: no token is requested for a server that does not require one for its own domain. */
  readonly challenge: (call: HttpCall) => Promise<void>;
}

/**
 * Logs in; reads all secrets again.
 *
 * @throws {KmsError} `unauthenticated` if the login is refused or a secret cannot be read, otherwise the error of the
 *   request.
 */
export type Login = (call: HttpCall) => Promise<Grant>;

type Settings<Method extends AzureAuth["method"]> = Extract<AzureAuth, { readonly method: Method }>;

const metadataPath = "/metadata/identity/oauth2/token";

/** RFC 7523, section 2.2. */
const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

const methods = {
  "client-secret": (auth, context) => async (call) => {
    const client_secret = (await readForLogin(auth.clientSecret, call.action)).reveal();
    const login = () => entra(context, auth, { secret: { client_secret } }, call);
    return await context.refused.attempt([auth.tenantId, auth.clientId, client_secret], call, login);
  },
  "client-certificate": (auth, context) => async (call) => {
    const audience = `${context.authority}${tokenPath(auth.tenantId)}`;
    const dated = async (wall: number) => {
      const { jwt, expiresAt } = await assertion({ ...auth, audience }, wall, call.action);
      context.notify({ type: "certificate_lifetime", provider: context.provider, expiresAt });
      return { client_assertion_type: jwtBearer, client_assertion: jwt };
    };
    return await entra(context, auth, { dated }, call);
  },
  "managed-identity": (auth, context) => async (call) => {
    await context.challenge(call);
    const query = new URLSearchParams({ "api-version": "2018-02-01", resource: context.resource });
    if (auth.clientId !== undefined) query.set("client_id", auth.clientId);
    const path = `${metadataPath}?${query}`;
    const server = metadataServer(auth);
    const answer = await context.client.ask(server, { method: "GET", path, headers: { metadata: "true" } }, call);
    if (answer.status !== 200) throw metadataRefusal(server, answer, call);
    return bearerGrant(answer, server, call);
  },
  "azure-arc": (auth, context) => async (call) => {
    await context.challenge(call);
    const query = new URLSearchParams({ "api-version": "2020-06-01", resource: context.resource });
    const agent = { server: metadataServer(auth), keyFolder: auth.keyFolder };
    const answer = await askArc(context.client, agent, `${metadataPath}?${query}`, call);
    if (answer.status !== 200) throw metadataRefusal(agent.server, answer, call);
    return bearerGrant(answer, agent.server, call);
  },
  "workload-identity": (auth, context) => async (call) => {
    const jwt = await readForLogin(auth.token, call.action);
    const issued = { client_assertion_type: jwtBearer, client_assertion: jwt.reveal() };
    return await entra(context, auth, { issued }, call);
  },
} as const satisfies {
  readonly [Method in AzureAuth["method"]]: (auth: Settings<Method>, context: LoginContext) => Login;
};

/** The login of the configured method. */
export function loginWith(auth: AzureAuth, context: LoginContext): Login {
  const make = methods[auth.method] as (auth: AzureAuth, context: LoginContext) => Login;
  return make(auth, context);
}

/** The server to which the requests of a login are sent. */
export function loginServer(auth: AzureAuth, authority: string): Server {
  const onThisMachine = auth.method === "managed-identity" || auth.method === "azure-arc";
  return onThisMachine ? metadataServer(auth) : entraServer(authority);
}

function entraServer(origin: string): Server {
  return { name: "Entra ID", origin };
}

function metadataServer({ method, metadata }: Settings<"managed-identity" | "azure-arc">): Server {
  return { name: method === "azure-arc" ? "the Azure Arc agent" : "the metadata service", origin: metadata };
}

function tokenPath(tenantId: string): string {
  return `/${encodeURIComponent(tenantId)}/oauth2/v2.0/token`;
}

type ProofFields = Readonly<Record<string, string>>;

/**
 * A secret, which could be guessed; a token of another issuer; or an assertion that contains a time of this program.
 */
type Proof =
  | { readonly secret: ProofFields }
  | { readonly issued: ProofFields }
  | { readonly dated: (wall: number) => Promise<ProofFields> };

/** The client credentials grant (RFC 6749, section 4.4). */
async function entra(
  { client, authority, resource, challenge }: LoginContext,
  { tenantId, clientId }: { readonly tenantId: string; readonly clientId: string },
  proof: Proof,
  call: HttpCall,
): Promise<Grant> {
  await challenge(call);
  const send = (fields: ProofFields) => {
    const scope = `${resource}/.default`;
    const body = form({ grant_type: "client_credentials", client_id: clientId, scope, ...fields });
    const headers = { accept: "application/json" };
    const request = { method: "POST", path: tokenPath(tenantId), headers, body, once: true } as const;
    return client.ask(entraServer(authority), request, call);
  };
  const answer = "dated" in proof
    ? await withServerTime(async (wall) => await send(await proof.dated(wall)))
    : await send("secret" in proof ? proof.secret : proof.issued);
  if (answer.status !== 200) throw entraRefusal(entraServer(authority), answer, "secret" in proof, call);
  return bearerGrant(answer, entraServer(authority), call);
}

const federation = "no federated credential of the application fits the token's issuer, subject and audience";

/** Explanations for numbers in `error_codes`; see "Microsoft Entra authentication and authorization error codes". */
const entraCodes: Readonly<Record<number, string | undefined>> = {
  50034: "the tenant has no such account",
  53003: "a conditional access policy forbids it",
  70021: federation,
  90002: "there is no such tenant",
  500011: "the tenant has no Key Vault service",
  700016: "the tenant has no such application",
  700024: "the assertion is not valid now; compare the clocks",
  700027: "the application does not have this certificate",
  700211: federation,
  700212: federation,
  700213: federation,
  900023: "auth.tenantId is neither a GUID nor a domain",
  7000112: "the application is disabled",
  7000215: "it refuses the client secret",
  7000222: "the client secret has expired",
  7000229: "the application has no service principal in the tenant",
};

/** The error for a refused login. A refusal without `error` does not come from Entra ID. */
function entraRefusal(server: Server, answer: HttpAnswer, secret: boolean, call: HttpCall): KmsError {
  const numbers = field(answer.body, "error_codes");
  const [known] = (Array.isArray(numbers) ? numbers : [])
    .flatMap((number: unknown) => typeof number === "number" ? [entraCodes[number]] : [])
    .filter((why) => why !== undefined);
  const error = field(answer.body, "error");
  const why = typeof error === "string" ? known ?? "it refuses the login" : undefined;
  const refusal = loginRefusal(server, answer, why, call);
  // RFC 6749, section 5.2: the authentication of the client failed. Other errors concern the application or the tenant.
  const counts = secret && error === "invalid_client" && refusal.code === "unauthenticated";
  return counts ? new RefusedLogin(refusal.message, "entraSecret") : refusal;
}

/** The meaning of errors; see "Use managed identities on a virtual machine to acquire access token". */
function metadataRefusal(server: Server, answer: HttpAnswer, call: HttpCall): KmsError {
  const refused = answer.status === 400 || answer.status === 401 || answer.status === 403;
  const why = "this machine has no such managed identity";
  return loginRefusal(server, answer, refused ? why : undefined, call);
}
