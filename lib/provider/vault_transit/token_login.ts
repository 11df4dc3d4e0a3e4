/**
 * Verifies a token that the operator supplies, and determines its lifetime.
 *
 * @module
 */
import { deadline, orAborted } from "../../base/deadline.ts";
import { KmsError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import { field } from "../../net/https/fields.ts";
import type { Grant } from "../../net/https/session.ts";
import { deniesWithoutCause, saysTokenIsDead, vaultLoginRefusal } from "./errors.ts";
import type { VaultAnswer } from "./http.ts";
import { granted, lifetime, type LoginCall } from "./login.ts";

const paths = {
  lookup: "auth/token/lookup-self",
  renew: "auth/token/renew-self",
  wrapping: "sys/wrapping/lookup",
} as const;

/** Milliseconds to determine whether a token is a wrapping token; a login has ten seconds. */
const lookMs = 2_000;

/** The name of a token's source in messages, and the callbacks of its lookup. */
export interface GivenToken {
  readonly token: Secret;
  /** The subject of a refusal, as in `it refuses the token in file /etc/trousseau/token`. */
  readonly hint: string;
  /** Called if the token may not look itself up. */
  readonly hidden: () => void;
  /** Called if Vault answers that the token is not valid. */
  readonly refused?: () => Promise<void>;
}

/**
 * Looks the token up. If its policies do not permit that, its lifetime comes from a renewal, or stays unknown.
 *
 * @throws {KmsError} `unauthenticated` if Vault does not accept the token.
 */
export async function grantOfToken({ token, hint, hidden, refused }: GivenToken, call: LoginCall): Promise<Grant> {
  const answer = await call.ask({ method: "GET", path: paths.lookup, token });
  if (answer.status === 200) return lookedUp(token, answer, call);
  if (!deniesWithoutCause(answer)) {
    if (saysTokenIsDead(answer)) await refused?.();
    throw vaultLoginRefusal(answer, call.action, { hint });
  }
  const grant = await unseen(token, call);
  if (grant === undefined) {
    const either = `${hint}, or its policies allow neither ${paths.lookup} nor the key`;
    throw vaultLoginRefusal(answer, call.action, { hint: either });
  }
  hidden();
  return grant;
}

/**
 * Refuses a response-wrapping token in place of the token itself. The lookup sends it in the body instead of a header:
 * any other request would use it up.
 *
 * @throws {KmsError} `unauthenticated` if it is a wrapping token.
 */
export async function refuseWrappingToken(token: Secret, where: string, call: LoginCall, content: string) {
  if (!await isWrappingToken(token, call)) return;
  throw new KmsError(
    "unauthenticated",
    `Cannot ${call.action}: ${where} holds a response-wrapping token; set auth.wrapped: true, or put the unwrapped ` +
      `${content} there.`,
  );
}

/** The check is optional: if a proxy in front of Vault blocks it, the login continues without its result. */
async function isWrappingToken(token: Secret, call: LoginCall): Promise<boolean> {
  using limit = deadline(lookMs, call.signal);
  const response = call.ask({ method: "POST", path: paths.wrapping, body: { token: token.reveal() } });
  const answer = await orAborted(response, limit.signal, call.action).catch((thrown: unknown) => {
    if (call.signal.aborted) throw thrown;
    return undefined;
  });
  return answer?.status === 200 && typeof field(field(answer.body, "data"), "creation_path") === "string";
}

function lookedUp(token: Secret, { body }: VaultAnswer, { action }: LoginCall): Grant {
  const data = field(body, "data");
  // `ttl` is a whole number of seconds, so that 0 can also be the last second of a token; only the missing expiry date
  // means that it never expires.
  const ttl = field(data, "ttl");
  const ttlMs = field(data, "expire_time") === undefined ? undefined : lifetime(ttl, action) ?? 500;
  return granted(token, ttlMs, field(data, "renewable") === true, action);
}

/**
 * The grant of a token whose lookup was denied. The first of these proves that it is valid: it can be renewed, Vault
 * answers that it is not renewable (400), or it may use the key. OpenBao denies an expired token with the same text as
 * a forbidden path.
 */
async function unseen(token: Secret, call: LoginCall): Promise<Grant | undefined> {
  const { status, body } = await call.ask({ method: "POST", path: paths.renew, body: {}, token });
  if (status === 200) {
    const auth = field(body, "auth");
    const ttlMs = lifetime(field(auth, "lease_duration"), call.action);
    return granted(token, ttlMs, field(auth, "renewable") === true, call.action);
  }
  const lives = status === 400 && Array.isArray(field(body, "errors"));
  return lives || await call.mayUseKey(token) ? granted(token, undefined, false, call.action) : undefined;
}
