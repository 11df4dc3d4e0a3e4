/**
 * How a vendor's tokens are got and renewed.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { KmsError } from "../../errors.ts";
import type { Notify } from "../../events.ts";
import type { Reloads } from "../../reloads.ts";
import type { Secret, SecretSource } from "../../secret.ts";
import type { HttpCall } from "./endpoint.ts";
import type { Grant } from "./lease.ts";

/** What a renewal gives: how long the token lives from now, or that it was refused, so that a login is due. */
export type Renewal = { readonly ttlMs: number | undefined } | { readonly refused: KmsError };

/** How a vendor's tokens are got. */
export interface TokenSettings {
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
  readonly login: (call: HttpCall) => Promise<Grant>;
  /** For tokens that are renewable. */
  readonly renew?: (token: Secret, call: HttpCall) => Promise<Renewal>;
  /** Where the token itself is what the operator gives: its source, watched between logins. */
  readonly tokenSource?: SecretSource | undefined;
  /** When to log in again with credentials that are read anew. */
  readonly reloads: Reloads | undefined;
}
