/**
 * What the logins of clouds have in common: a secret that is read, a token out of an answer, and a refusal.
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

/** A secret as it is now. @throws {KmsError} `unauthenticated` if it cannot be read, with the reason. */
export async function readForLogin(source: SecretSource, action: string): Promise<Secret> {
  try {
    return await source.read();
  } catch (cause) {
    const why = cause instanceof UnreadableSecretError ? `: ${cause.why}` : "";
    throw new KmsError("unauthenticated", `Cannot ${action}: ${source.description} cannot be read${why}.`, { cause });
  }
}

/**
 * A token and how long it lives, out of an answer of OAuth's (RFC 6749, section 5.1) or of a machine's metadata service.
 *
 * @throws {KmsError} `provider_protocol` where the answer holds none.
 */
export function bearerGrant({ body }: HttpAnswer, server: Server, call: HttpCall): Grant {
  // Some give a number, some a text of digits; seconds.
  const seconds = Number(field(body, "expires_in"));
  const ttlMs = Number.isSafeInteger(seconds) && seconds > 0 ? seconds * 1000 : undefined;
  return tokenGrant(field(body, "access_token"), ttlMs, server, call);
}

/** The same of a token and a lifetime in milliseconds that stood elsewhere; `undefined` where there was none. */
export function tokenGrant(token: unknown, ttlMs: number | undefined, { name }: Server, { action }: HttpCall): Grant {
  const lacks = (what: string) => unacceptable(action, `the answer of ${name} holds no ${what}`);
  if (typeof token !== "string" || !/^[\x21-\x7e]{1,65536}$/.test(token)) throw lacks("token");
  if (ttlMs === undefined) throw lacks("lifetime of the token");
  return { token: new Secret(token), ttlMs, renewable: false };
}

/**
 * The error for a login that was not granted.
 *
 * @param refused why, where the answer says that the login itself is refused; `undefined` where it says nothing of it.
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
  // 404 and 410 are what Azure's metadata service answers while it is being updated.
  if (status >= 500 || ((status === 404 || status === 410) && refused === undefined)) return busyOrDown[503];
  return status >= 400 && refused !== undefined ? { code: "unauthenticated", why: refused } : unknownMeaning(status);
}
