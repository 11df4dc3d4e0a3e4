/**
 * The identity of a caller.
 *
 * @module
 */

/** The kinds of identity. */
export const identityKinds = {
  /** The admin socket: it has all rights. */
  "local-admin": true,
  person: true,
  socket: true,
  kubernetes: true,
  oidc: true,
  /** A token that an administrator made. */
  token: true,
} as const satisfies Readonly<Record<string, true>>;

/** A kind of identity. */
export type IdentityKind = keyof typeof identityKinds;

/** The identity of a caller. Only an `Authenticator` makes one. */
export interface Identity {
  readonly kind: IdentityKind;
  /** Name in the audit, for instance `person:anna` or `kubernetes:prod/shop/web`. */
  readonly name: string;
  /** 32 hex digits; the same for each request of the identity, and of no other one. */
  readonly id: string;
  /** Names of the roles of the current policy that the identity holds. */
  readonly roles: readonly string[];
  /** Milliseconds since the epoch; `undefined` if the credentials have no end. */
  readonly expiresAt?: number;
  /** ID of the bearer token of the request, 32 hex digits. */
  readonly tokenId?: string;
}
