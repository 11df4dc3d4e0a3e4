/**
 * The state of a token at a time.
 *
 * @module
 */
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { Policy, Role } from "../policy/policy.ts";
import { claimsNamed, mayTake, type Taker } from "../policy/takers.ts";
import type { VerifiedSubject } from "./login.ts";
import type { LoginSubject, TokenRecord } from "./token_records.ts";

/** A token in a list; the token itself is never shown again. */
export interface TokenInfo {
  /** 32 hex digits. */
  readonly id: string;
  /** Name in the audit. */
  readonly identity: string;
  readonly role: string;
  readonly createdAt: number;
  readonly createdBy: string;
  readonly expiresAt: number;
  readonly state: "active" | "expired" | "revoked";
}

/** The entry of a list. @param current the restore number of the store. */
export function tokenInfo(id: string, value: TokenRecord, current: number, now: number): TokenInfo {
  const { role, createdAt, createdBy, expiresAt, revokedAt, restore } = value;
  const isOver = expiresAt <= now || restore !== current;
  const state = revokedAt !== undefined ? "revoked" : isOver ? "expired" : "active";
  return { id, identity: tokenIdentityName(value), role, createdAt, createdBy, expiresAt, state };
}

/**
 * The role that a token gives now.
 *
 * @param value `undefined` if there is no such token.
 * @param current the restore number of the store.
 * @throws {KeyringError} `unauthenticated` if there is none, if it has expired, was revoked, is from before a restore, or if
 *   its identity may not take the role any more.
 */
export function activeRole(value: TokenRecord | undefined, policy: Policy, current: number, now: number): Role {
  if (value === undefined) throw refusedToken("it is not one of this store");
  if (value.revokedAt !== undefined) throw refusedToken("it has been revoked");
  if (value.restore !== current) throw refusedToken("it is from before a restore of the store");
  if (value.expiresAt <= now) throw refusedToken("it has expired");
  const role = policy.roles.get(value.role);
  if (role === undefined) throw refusedToken("the policy does not have its role any more");
  if (value.login !== undefined && !mayTake(role, takerOf(value.login))) {
    throw refusedToken("its identity may not take its role any more; log in again");
  }
  return role;
}

/** The name of a token's identity in the audit. */
export function tokenIdentityName({ login, name, createdBy }: TokenRecord): string {
  return login === undefined ? `token:${name ?? ""}` : createdBy;
}

/** The identity of a login as its token holds it: of the claims, those that the role names. */
export function loginSubjectOf({ kind, taker }: VerifiedSubject, role: Role): LoginSubject {
  const named = claimsNamed(role, taker);
  const claims = [...taker.claims].filter(([name]) => named.has(name));
  return { kind, source: taker.name, subject: taker.subject, claims: Object.fromEntries(claims) };
}

function takerOf({ kind, source, subject, claims }: LoginSubject): Taker {
  const of = kind === "kubernetes" ? "cluster" : "issuer";
  return { kind: of, name: source, subject, claims: new Map(Object.entries(claims)) };
}

/** The error for a bearer token. */
export function refusedToken(why: string): KeyringError {
  return new KeyringError("unauthenticated", `The token is refused: ${why}.`);
}
