/**
 * How a vendor's tokens are got and renewed.
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

/** The result of a renewal: how long the token lives from now, or a refusal, after which a login is due. */
export type Renewal = { readonly ttlMs: number | undefined } | { readonly refused: KmsError };

/** The verdict of an answer on the token that was sent: accepted, refused, or unknown. */
export type TokenVerdict = "served" | "refused" | "silent";

/** Statuses other than 5xx with which a server, or a proxy before it, answers without a look at the token. */
const unlooked: ReadonlySet<number> = new Set([307, 408, 412, 429, 472, 473]);

/** The verdict of an answer's status. @param refusal the status that means that the token is not taken. */
export function verdictOf(status: number, refusal: number): TokenVerdict {
  if (status === refusal) return "refused";
  return status >= 500 || unlooked.has(status) ? "silent" : "served";
}

/** The source of a credential that the operator gives: as a `SecretSource`, for any type of credential. */
export interface CredentialSource<Credential> {
  /** Half a sentence for messages, such as `profile default`. */
  readonly description: string;
  /** @throws {KmsError} if there is none, or it cannot be read. */
  read(): Promise<Credential>;
}

/** How a vendor's tokens are got. */
export interface TokenSettings<Credential = Secret> {
  readonly provider: string;
  /** The login method's name, for events. */
  readonly method: string;
  readonly notify: Notify;
  readonly clock: Clock;
  /**
   * Reads the credential anew and logs in with it.
   *
   * @throws {KmsError} `unauthenticated` if the login is refused, else why it could not be tried; a `HeldLogin`
   *   where the same credential shall not be sent again soon.
   */
  readonly login: (call: HttpCall) => Promise<Grant<Credential>>;
  /** For tokens that are renewable. */
  readonly renew?: (token: Credential, call: HttpCall) => Promise<Renewal>;
  /** For a token that the operator gives: its source, watched between logins. */
  readonly tokenSource?: CredentialSource<Credential> | undefined;
  /** When to log in again with credentials that are read anew. */
  readonly reloads: Reloads | undefined;
}
