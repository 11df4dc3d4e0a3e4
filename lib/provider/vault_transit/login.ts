/**
 * The parts common to all logins to Vault: sending their requests, and reading the grant in a response.
 *
 * @module
 */
import type { Secret, SecretSource } from "../../base/secret.ts";
import { unacceptable } from "../../net/https/refusals.ts";
import type { Grant } from "../../net/https/session.ts";
import type { VaultAnswer, VaultRequest } from "./http.ts";

/** Sends the requests of one login; `action` is its name in messages. */
export interface LoginCall {
  readonly ask: (request: VaultRequest) => Promise<VaultAnswer>;
  /** Name of the login in messages. */
  readonly action: string;
  /** Aborts the login. */
  readonly signal: AbortSignal;
  /** Logs in with a credential, unless it was refused recently: see `refused_logins.ts`. */
  readonly attempt: (credential: readonly string[], login: () => Promise<Grant>) => Promise<Grant>;
  /** Whether Vault accepts the token for an operation on the configured key. The operation changes nothing. */
  readonly mayUseKey: (token: Secret) => Promise<boolean>;
}

/** One auth method with its settings, and its state between logins. */
export interface VaultAuthenticator {
  /**
   * Logs in; reads all secrets again.
   *
   * @throws {KmsError} `unauthenticated` if Vault refuses the login or a secret cannot be read, otherwise as
   *   `VaultClient.request`; `NotTried` if a check must omit the login.
   */
  login(call: LoginCall): Promise<Grant>;
  /**
   * Source of a token or wrapping token that the operator supplies; watched between logins. It reads as the token in
   * use until there is a different one.
   */
  readonly tokenSource?: SecretSource;
  /** Warnings about the login for an operator: whole sentences. */
  readonly remarks?: () => readonly string[];
}

/**
 * @param ttlMs lifetime of the token in milliseconds; `undefined` if it never expires or if the lifetime is not known.
 * @throws {KmsError} `provider_protocol` if the token cannot be sent in a header.
 */
export function granted(token: Secret, ttlMs: number | undefined, renewable: boolean, action: string): Grant {
  // A header can contain only visible ASCII. A login that requires a second factor returns an empty token.
  if (!/^[\x21-\x7e]{1,65536}$/.test(token.reveal())) {
    throw unacceptable(
      action,
      "Vault gave no token, as for a login that wants a second factor; use a login without one",
    );
  }
  return { token, ttlMs, renewable };
}

/** Milliseconds from Vault's lifetime in seconds; `undefined` from 0, which is a token that never expires. */
export function lifetime(ttl: unknown, action: string): number | undefined {
  if (typeof ttl !== "number" || !Number.isSafeInteger(ttl) || ttl < 0) {
    throw unacceptable(action, "Vault's answer holds no lifetime of the token");
  }
  return ttl === 0 ? undefined : ttl * 1000;
}
