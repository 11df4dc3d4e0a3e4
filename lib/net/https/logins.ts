/**
 * Common parts of cloud logins: reading a secret, extracting a token from a response, and errors for refused logins.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import { Secret, type SecretSource, UnreadableSecretError } from "../../base/secret.ts";
import type { Server } from "./client.ts";
import type { HttpAnswer, HttpCall } from "./endpoint.ts";
import { field } from "./fields.ts";
import { busyOrDown, type Meaning, refusedBy, unacceptable, unknownMeaning } from "./refusals.ts";
import type { Grant } from "./session.ts";

/** Reads a secret. @throws {KmsError} `unauthenticated` with the reason if it cannot be read */
export async function readForLogin(source: SecretSource, action: string): Promise<Secret> {
  try {
    return await source.read();
  } catch (cause) {
    const why = cause instanceof UnreadableSecretError ? `: ${cause.why}` : "";
    throw new KmsError("unauthenticated", `Cannot ${action}: ${source.description} cannot be read${why}.`, { cause });
  }
}

/**
 * The token and its lifetime in an OAuth response (RFC 6749, section 5.1) or in that of a metadata service.
 *
 * @throws {KmsError} `provider_protocol` if the response contains none.
 */
export function bearerGrant({ body }: HttpAnswer, server: Server, call: HttpCall): Grant {
  // Seconds. Some servers send a number, others a string of digits.
  const seconds = Number(field(body, "expires_in"));
  const ttlMs = Number.isSafeInteger(seconds) && seconds > 0 ? seconds * 1000 : undefined;
  return tokenGrant(field(body, "access_token"), ttlMs, server, call);
}

/**
 * A grant of a token that was extracted by the caller.
 *
 * @param token the value that was found; `undefined` if there was none
 * @param ttlMs lifetime in milliseconds; `undefined` if there was none
 * @throws {KmsError} `provider_protocol` if either is missing
 */
export function tokenGrant(token: unknown, ttlMs: number | undefined, { name }: Server, { action }: HttpCall): Grant {
  const lacks = (what: string) => unacceptable(action, `the answer of ${name} holds no ${what}`);
  if (typeof token !== "string" || !/^[\x21-\x7e]{1,65536}$/.test(token)) throw lacks("token");
  if (ttlMs === undefined) throw lacks("lifetime of the token");
  return { token: new Secret(token), ttlMs, renewable: false };
}

/**
 * The error for a login that was not granted.
 *
 * @param refused the reason if the response states that the login is refused; `undefined` otherwise.
 */
export function loginRefusal(
  { name }: Server,
  answer: HttpAnswer,
  refused: string | undefined,
  call: HttpCall,
): KmsError {
  return refusedBy(name, answer, loginMeaning(answer.status, refused), call.action);
}

function loginMeaning(status: number, refused: string | undefined): Meaning {
  if (status === 429) return busyOrDown[429];
  // Azure's metadata service answers 404 and 410 during its updates.
  if (status >= 500 || ((status === 404 || status === 410) && refused === undefined)) return busyOrDown[503];
  return status >= 400 && refused !== undefined ? { code: "unauthenticated", why: refused } : unknownMeaning(status);
}
