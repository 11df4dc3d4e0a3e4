/**
 * How a vendor's tokens are obtained and renewed.
 *
 * @module
 */
import type { Clock } from "../../base/clock.ts";
import type { KmsError } from "../../base/errors.ts";
import type { Notify } from "../../telemetry/events.ts";
import type { Reloads } from "../../base/reloads.ts";
import type { Secret } from "../../base/secret.ts";
import type { HttpCall } from "./endpoint.ts";
import type { Grant } from "./lease.ts";

/**
 * Result of a renewal: lifetime from now in milliseconds (`undefined` if it does not expire), or a refusal, after which
 * a login follows.
 */
export type Renewal = { readonly ttlMs: number | undefined } | { readonly refused: KmsError };

/** The verdict of a response on the token that was sent: accepted, refused, or unknown. */
export type TokenVerdict = "served" | "refused" | "silent";

/** Statuses below 500 that a server, or a proxy before it, sends without checking the token. */
const unchecked: ReadonlySet<number> = new Set([307, 408, 412, 429, 472, 473]);

/** The verdict of a status. @param refusal the status with which the vendor refuses a token */
export function verdictOf(status: number, refusal: number): TokenVerdict {
  if (status === refusal) return "refused";
  return status >= 500 || unchecked.has(status) ? "silent" : "served";
}

/** The source of a credential that the operator provides: like a `SecretSource`, for any type of credential. */
export interface CredentialSource<Credential> {
  /** Name in messages, for instance `profile default`. */
  readonly description: string;
  /** Reads the current credential. @throws {KmsError} if it is absent or cannot be read */
  read(): Promise<Credential>;
}

/** How a vendor's tokens are obtained. */
export interface TokenSettings<Credential = Secret> {
  readonly provider: string;
  /** Name of the login method, for events. */
  readonly method: string;
  readonly notify: Notify;
  readonly clock: Clock;
  /**
   * Reads the credential and logs in with it.
   *
   * @throws {KmsError} `unauthenticated` if the login is refused, or the reason why it could not be sent; a `HeldLogin`
   *   if the credential must not be sent again soon.
   */
  readonly login: (call: HttpCall) => Promise<Grant<Credential>>;
  /** Renews a token; only for renewable tokens. */
  readonly renew?: (token: Credential, call: HttpCall) => Promise<Renewal>;
  /** The source of a token that the operator provides; watched between logins. */
  readonly tokenSource?: CredentialSource<Credential> | undefined;
  /** Reload requests, after which the credential is read again and a login follows. */
  readonly reloads: Reloads | undefined;
}
