/**
 * A token that the operator gives: whether Vault takes it, and how long it lives.
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

/** Milliseconds in which Vault says whether a token is a wrapping token; a login has ten seconds. */
const lookMs = 2_000;

/** The words for a token's source, and the callbacks for its lookup. */
export interface GivenToken {
  readonly token: Secret;
  /** For a refusal, as in `it refuses the token in file /etc/trousseau/token`. */
  readonly hint: string;
  /** Called where the token may not look itself up. */
  readonly hidden: () => void;
  /** Called if Vault answers that the token is not valid. */
  readonly refused?: () => Promise<void>;
}

/**
 * Looks the token up. Where its policies do not allow that, its lifetime comes from a renewal, or stays unknown.
 *
 * @throws {KmsError} `unauthenticated` if Vault does not take the token.
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
 * Refuses a response-wrapping token that was given as the token itself. The lookup has it in the body and not in a
 * header: any other request would spend it.
 *
 * @throws {KmsError} `unauthenticated` if it is one.
 */
export async function refuseWrappingToken(token: Secret, where: string, call: LoginCall, content: string) {
  if (!await isWrappingToken(token, call)) return;
  throw new KmsError(
    "unauthenticated",
    `Cannot ${call.action}: ${where} holds a response-wrapping token; set auth.wrapped: true, or put the unwrapped ` +
      `${content} there.`,
  );
}

/** It is a courtesy: where something before Vault holds the question back, the login goes on without an answer. */
async function isWrappingToken(token: Secret, call: LoginCall): Promise<boolean> {
  using limit = deadline(lookMs, call.signal);
  const asked = call.ask({ method: "POST", path: paths.wrapping, body: { token: token.reveal() } });
  const answer = await orAborted(asked, limit.signal, call.action).catch((thrown: unknown) => {
    if (call.signal.aborted) throw thrown;
    return undefined;
  });
  return answer?.status === 200 && typeof field(field(answer.body, "data"), "creation_path") === "string";
}

function lookedUp(token: Secret, { body }: VaultAnswer, { action }: LoginCall): Grant {
  const data = field(body, "data");
  // `ttl` counts whole seconds, so that 0 may also be a token in its last one; only the missing date means never.
  const ttl = field(data, "ttl");
  const ttlMs = field(data, "expire_time") === undefined ? undefined : lifetime(ttl, action) ?? 500;
  return granted(token, ttlMs, field(data, "renewable") === true, action);
}

/**
 * A token whose lookup was denied, by the first proof that it is valid: it can be renewed, Vault answers that it cannot
 * be renewed (400), or it may use the key. OpenBao denies a dead token in the same words as a forbidden path.
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
