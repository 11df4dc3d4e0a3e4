/**
 * Impersonation of a service account ("Create short-lived credentials for a service account").
 *
 * @module
 */
import type { HttpClient } from "../../net/https/client.ts";
import { type HttpAnswer, type HttpCall, jsonRequest } from "../../net/https/endpoint.ts";
import { field } from "../../net/https/fields.ts";
import { loginRefusal, tokenGrant } from "../../net/https/logins.ts";
import { lifetimeUntil } from "../../net/https/server_time.ts";
import type { Grant } from "../../net/https/session.ts";
import { reasonOf, statusOf } from "./errors.ts";
import type { Impersonation } from "./settings.ts";

/**
 * Gets a token of a service account in exchange for another token.
 *
 * @param own a token with the scope `iam`.
 * @param at the origin of the Service Account Credentials API.
 * @throws {KmsError} `unauthenticated` if the login may not impersonate the service account.
 */
export async function impersonatedToken(
  client: HttpClient,
  { serviceAccount, delegates }: Impersonation,
  own: Grant,
  { scope, seconds, at }: { readonly scope: string; readonly seconds: number; readonly at: string },
  call: HttpCall,
): Promise<Grant> {
  const server = { name: "IAM", origin: at };
  const resource = (account: string) => `projects/-/serviceAccounts/${account}`;
  const path = `/v1/projects/-/serviceAccounts/${encodeURIComponent(serviceAccount)}:generateAccessToken`;
  const headers = { accept: "application/json", authorization: `Bearer ${own.token.reveal()}` };
  const chain = delegates.length === 0 ? {} : { delegates: delegates.map(resource) };
  const body = jsonRequest({ scope: [scope], lifetime: `${seconds}s`, ...chain });
  const answer = await client.ask(server, { method: "POST", path, headers, body }, call);
  if (answer.status !== 200) throw loginRefusal(server, answer, impersonationRefusal(answer), call);
  const expiresAt = Date.parse(String(field(answer.body, "expireTime")));
  const lifetime = Number.isFinite(expiresAt)
    ? lifetimeUntil(expiresAt, answer.headers.date, seconds * 1000)
    : undefined;
  return tokenGrant(field(answer.body, "accessToken"), lifetime, server, call);
}

function impersonationRefusal({ status, body }: HttpAnswer): string | undefined {
  if (reasonOf(body) === "SERVICE_DISABLED") return "the IAM Service Account Credentials API is not enabled";
  const code = statusOf(body);
  if (code === undefined) return undefined;
  return status === 403 || status === 404
    ? "the login may not act as that service account, or there is none; it needs roles/iam.serviceAccountTokenCreator"
    : "it refuses the login";
}
