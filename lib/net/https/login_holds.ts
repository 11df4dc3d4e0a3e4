/**
 * The kinds of refused logins after which a credential is held back, and the duration of the hold.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";

const minute = 60_000;

/** The hold of a refused credential. */
export interface LoginHold {
  /** Duration in milliseconds. */
  readonly ms: number;
  /** The reason in an operator's words, if the refusal does not state it. */
  readonly since?: string;
}

/**
 * Duration in milliseconds (RefusedLogins varies it by ±20 %), and the reason for the operator if the refusal does not
 * state it.
 *
 * Other refused logins are repeated by `session.ts` after 1 s, growing to 60 s, in memory: their servers do not count
 * refusals, and the missing right is often granted a moment later. These are: Vault's token, cert, jwt and kubernetes
 * methods (its user lockout applies to userpass, LDAP and AppRole only); a certificate or federated token for Entra ID
 * (not guessable, and often registered at the application later than on this node); managed identities and metadata
 * services (on this machine); AWS STS (AccessDenied is also the response until a new trust policy has propagated); and
 * Google's token services (likewise).
 */
export const loginHolds = {
  /** Status 400 and 401 for AppRole and userpass: five within 15 minutes lock the account for all nodes. */
  vaultCounted: { ms: 30 * minute, since: "refused logins lock an account" },
  /**
   * Status 403 for AppRole and userpass. Vault does not check the credential of a locked account, so that a login
   * neither counts nor extends the lock. The lock ends 15 minutes after the last counted refusal, or when an
   * administrator unlocks it.
   */
  vaultLocked: { ms: 5 * minute },
  /** `invalid_client` for a client secret: Entra ID throttles an application that repeats a wrong one. */
  entraSecret: { ms: 30 * minute, since: "refused logins hold an application back" },
} as const satisfies Record<string, LoginHold>;

/** The refusal of a credential that must not be sent again soon. */
export class RefusedLogin extends KmsError {
  constructor(message: string, readonly hold: keyof typeof loginHolds) {
    super("unauthenticated", message);
  }
}

/**
 * The error after the refusal was recorded. `tried` is true if the credential was sent just now, false if it was held
 * back.
 */
export class HeldLogin extends KmsError {
  constructor(message: string, readonly tried: boolean) {
    super("unauthenticated", message);
  }
}
