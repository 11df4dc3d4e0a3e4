/**
 * The parts that all logins to Vault share: how their requests are sent, and the grant in an answer.
 *
 * @module
 */
import type { Secret, SecretSource } from "../../base/secret.ts";
import { unacceptable } from "../../net/https/refusals.ts";
import type { Grant } from "../../net/https/session.ts";
import type { VaultAnswer, VaultRequest } from "./http.ts";

/** Sends the requests of one login; the action is for messages. */
export interface LoginCall {
  readonly ask: (request: VaultRequest) => Promise<VaultAnswer>;
  readonly action: string;
  /** Ends the login. */
  readonly signal: AbortSignal;
  /** Logs in with a credential unless it was refused lately: see `refused_logins.ts`. */
  readonly attempt: (credential: readonly string[], login: () => Promise<Grant>) => Promise<Grant>;
  /** Whether Vault takes the token for an operation on the configured key. It changes nothing. */
  readonly mayUseKey: (token: Secret) => Promise<boolean>;
}

/** One method with its settings. It holds all that it needs between two logins. */
export interface Authenticator {
  /**
   * Logs in, reading all secrets anew.
   *
   * @throws {KmsError} `unauthenticated` if Vault refuses or a secret cannot be read, else as `VaultClient.request`;
   *   `NotTried` where a check must leave the login out.
   */
  login(call: LoginCall): Promise<Grant>;
  /**
   * Where the token itself, or a wrapping token, is given by the operator: its source, watched between logins. It reads
   * as the token in use until there is another one.
   */
  readonly tokenSource?: SecretSource;
  /** Warnings about the login for an operator: whole sentences. */
  readonly remarks?: () => readonly string[];
}

/**
 * @param ttlMs how long the token lives; `undefined` where it never expires, or where that is not known.
 * @throws {KmsError} `provider_protocol` if the token cannot be sent in a header.
 */
export function granted(token: Secret, ttlMs: number | undefined, renewable: boolean, action: string): Grant {
  // A header can carry no more than visible ASCII; a login that requires a second factor gives an empty token.
  if (!/^[\x21-\x7e]{1,65536}$/.test(token.reveal())) {
    throw unacceptable(
      action,
      "Vault gave no token, as for a login that wants a second factor; use a login without one",
    );
  }
  return { token, ttlMs, renewable };
}

/** Seconds as Vault gives them, in milliseconds; 0 is a token that never expires. */
export function lifetime(ttl: unknown, action: string): number | undefined {
  if (typeof ttl !== "number" || !Number.isSafeInteger(ttl) || ttl < 0) {
    throw unacceptable(action, "Vault's answer holds no lifetime of the token");
  }
  return ttl === 0 ? undefined : ttl * 1000;
}
