/**
 * The agents of a machine and of a container, which issue credentials of its role.
 *
 * @module
 */
import { utf8Text } from "../../base/bytes.ts";
import { type ErrorCode, KmsError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import type { HttpClient, Server } from "../../net/https/client.ts";
import type { HttpAnswer, HttpCall } from "../../net/https/endpoint.ts";
import { unacceptable } from "../../net/https/refusals.ts";
import { agentsGrant, type AwsGrant } from "./credentials.ts";

const rolePath = "/latest/meta-data/iam/security-credentials/";

/** Seconds; a login uses the token for a moment only. */
const tokenLifetime = "60";

/**
 * Credentials of the role of an EC2 instance.
 *
 * Only version 2 of the service is used. It requires a token from a PUT request, so that an attacker who can make this
 * machine send a GET request cannot get credentials ("Use the Instance Metadata Service to access instance metadata").
 */
export async function askInstance(http: HttpClient, origin: string, call: HttpCall): Promise<AwsGrant> {
  const server = { name: "the metadata service", origin };
  const wanted = { "x-aws-ec2-metadata-token-ttl-seconds": tokenLifetime, "content-length": "0" };
  const begun = await http.ask(server, { method: "PUT", path: "/latest/api/token", headers: wanted }, call);
  if (begun.status !== 200) throw refusal(server, begun, "it gives no token; version 2 is needed", call);
  const headers = { "x-aws-ec2-metadata-token": line(begun, /^[\x21-\x7e]{1,512}$/, server, call) };
  const roles = await http.ask(server, { method: "GET", path: rolePath, headers }, call);
  if (roles.status !== 200) throw refusal(server, roles, "this machine has no role", call);
  const role = line(roles, /^[\w+=,.@-]{1,64}$/, server, call);
  const path = `${rolePath}${encodeURIComponent(role)}`;
  const answer = await http.ask(server, { method: "GET", path, headers }, call);
  if (answer.status !== 200) throw refusal(server, answer, "this machine has no such role", call);
  return agentsGrant(answer, server.name, call.action);
}

/** Credentials of the role of an ECS task or an EKS pod. */
export async function askContainer(
  http: HttpClient,
  url: string,
  token: Secret | undefined,
  call: HttpCall,
): Promise<AwsGrant> {
  const { origin, pathname, search } = new URL(url);
  const server = { name: "the container's agent", origin };
  const headers: Record<string, string> = { accept: "application/json" };
  if (token !== undefined) headers.authorization = token.reveal();
  const answer = await http.ask(server, { method: "GET", path: pathname + search, headers }, call);
  if (answer.status !== 200) throw refusal(server, answer, "it refuses the container or the token", call);
  return agentsGrant(answer, server.name, call.action);
}

function line({ bytes }: HttpAnswer, form: RegExp, { name }: Server, { action }: HttpCall): string {
  const text = utf8Text(bytes)?.trim();
  if (text !== undefined && form.test(text)) return text;
  throw unacceptable(action, `the answer of ${name} is not what was asked for`);
}

function refusal({ name }: Server, { status, retryAfterMs }: HttpAnswer, refused: string, call: HttpCall): KmsError {
  const [code, why]: readonly [ErrorCode, string] = status === 429
    ? ["throttled", "too many requests"]
    : status >= 500
    ? ["unreachable", "out of service"]
    : status >= 400
    ? ["unauthenticated", refused]
    : ["provider_protocol", "for a reason that Trousseau does not know"];
  const message = `Cannot ${call.action}: ${name} answered ${status} (${why}).`;
  return new KmsError(code, message, retryAfterMs === undefined ? {} : { retryAfterMs });
}
