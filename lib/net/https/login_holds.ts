/**
 * Which refused logins make a credential wait, and for how long.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";

const minute = 60_000;

/** How long a refused credential waits. */
export interface LoginHold {
  readonly ms: number;
  readonly since?: string;
}

/**
 * Milliseconds, give or take a fifth, and the reason in an operator's words where the refusal itself does not give it.
 *
 * Everything that is not here waits as `session.ts` has it, 1 s growing to 60 s, in memory: nobody counts those
 * refusals, and what they want is often given a moment later. These are: Vault's token, cert, jwt and kubernetes methods
 * (its user lockout knows userpass, LDAP and AppRole alone), a certificate or a federated token for Entra ID (nobody
 * guesses at one, and it is often made known to the application later than to this node), managed identities and metadata services (on this machine),
 * AWS STS (AccessDenied is also the answer until a new trust policy has spread) and Google's token services (likewise).
 */
export const loginHolds = {
  /** 400 and 401 for AppRole and userpass: five of them within 15 minutes lock the account for all nodes. */
  vaultCounted: { ms: 30 * minute, since: "refused logins lock an account" },
  /**
   * 403 for AppRole and userpass. Vault looks at no credential of a locked account, so that asking neither counts nor
   * makes the lock longer, which ends 15 minutes after the last refusal that counted or when an administrator ends it.
   */
  vaultLocked: { ms: 5 * minute },
  /** `invalid_client` for a client secret: Entra ID holds back an application that goes on with a wrong one. */
  entraSecret: { ms: 30 * minute, since: "refused logins hold an application back" },
} as const satisfies Record<string, LoginHold>;

/** The refusal of a credential that shall not be sent again soon. */
export class RefusedLogin extends KmsError {
  constructor(message: string, readonly hold: keyof typeof loginHolds) {
    super("unauthenticated", message);
  }
}

/** The same once it is noted: `tried` if the credential was sent just now, else it was held back. */
export class HeldLogin extends KmsError {
  constructor(message: string, readonly tried: boolean) {
    super("unauthenticated", message);
  }
}
