/**
 * Exchanges a token of another issuer for a Google token: the Security Token Service (RFC 8693).
 *
 * @module
 */
import { utf8Text } from "../../base/bytes.ts";
import { readCredentialFile, readSecretFile } from "../../base/credential_file.ts";
import { whyUnreadable } from "../../base/durable_file.ts";
import { KmsError } from "../../base/errors.ts";
import type { HttpClient } from "../../net/https/client.ts";
import { form, type HttpCall } from "../../net/https/endpoint.ts";
import { field, parsedJson } from "../../net/https/fields.ts";
import { bearerGrant, loginRefusal } from "../../net/https/logins.ts";
import type { Grant } from "../../net/https/session.ts";
import type { ExternalAccount, SubjectSource } from "./credentials_file.ts";

const accessToken = "urn:ietf:params:oauth:token-type:access_token";

/** Maximum size of a file with a token, in bytes; a SAML response is longer than a JWT. */
const largestToken = 64 * 1024;

/**
 * Explanations of `error` in a response ("Error codes", RFC 6749, section 5.2; "Token Exchange" of the Security Token
 * Service).
 */
const refusals: Readonly<Record<string, string | undefined>> = {
  invalid_grant: "the pool does not take this token: its issuer, audience, time or condition does not fit",
  invalid_request: "it does not take the request; compare the audience and the type of the token",
  invalid_target: "there is no such pool or provider",
  unauthorized_client: "the pool's condition does not let this token in",
  access_denied: "a policy does not let this token in",
};

/**
 * @param origin the origin of the service.
 * @throws {KmsError} `unauthenticated` if the token cannot be read or is refused.
 */
export async function exchange(
  client: HttpClient,
  origin: string,
  account: ExternalAccount,
  scope: string,
  call: HttpCall,
): Promise<Grant> {
  const server = { name: "the Security Token Service", origin };
  const body = form({
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    audience: account.audience,
    scope,
    requested_token_type: accessToken,
    subject_token_type: account.subjectTokenType,
    subject_token: await subjectToken(client, account.source, call),
  });
  const path = new URL(account.tokenUrl).pathname;
  const request = { method: "POST", path, headers: { accept: "application/json" }, body, once: true } as const;
  const answer = await client.ask(server, request, call);
  if (answer.status === 200) return bearerGrant(answer, server, call);
  const error = field(answer.body, "error");
  const refused = typeof error === "string" ? refusals[error] ?? "it refuses the token" : undefined;
  throw loginRefusal(server, answer, refused, call);
}

async function subjectToken(client: HttpClient, source: SubjectSource, call: HttpCall): Promise<string> {
  if ("file" in source.from && source.field === undefined) {
    return await readOr(readSecretFile, source.from.file, call);
  }
  const [from, bytes] = "file" in source.from
    ? [source.from.file, await readOr(readCredentialFile, source.from.file, call)] as const
    : ["the answer of the token's issuer", await urlBytes(client, source.from, call)] as const;
  const token = source.field === undefined ? utf8Text(bytes)?.trim() : field(parsedJson(bytes), source.field);
  if (typeof token === "string" && /^[\x21-\x7e]+$/.test(token)) return token;
  throw new KmsError("unauthenticated", `Cannot ${call.action}: ${from} holds no token.`);
}

async function readOr<T>(
  read: (path: string, most: number) => Promise<T>,
  path: string,
  { action }: HttpCall,
): Promise<T> {
  return await read(path, largestToken).catch((cause) => {
    const why = whyUnreadable(cause, path);
    throw new KmsError("unauthenticated", `Cannot ${action}: ${path} cannot be read: ${why}.`, { cause });
  });
}

async function urlBytes(
  client: HttpClient,
  { url, headers }: Extract<SubjectSource["from"], { readonly url: string }>,
  call: HttpCall,
): Promise<Uint8Array> {
  const { origin, pathname, search } = new URL(url);
  const server = { name: "the token's issuer", origin };
  const answer = await client.ask(server, { method: "GET", path: pathname + search, headers }, call);
  if (answer.status === 200) return answer.bytes;
  throw loginRefusal(server, answer, "it gives no token", call);
}
