/**
 * Tokens of machines: exchanged for a JWT of a cluster or a CI system, renewed, and revoked.
 *
 * @module
 */
import { readSecretFile } from "../../../base/credential_file.ts";
import { whyUnreadable } from "../../../base/durable_file.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { visible } from "../output/visible.ts";
import type { KeyringClient } from "../connection/client.ts";
import { objectAt, optional, textAt, wrongForm } from "../connection/shape.ts";
import type { LoginToken, MachineLogin } from "../contexts/login_token.ts";
import { authoritiesIn } from "./certificate_answer.ts";

/** Maximum size of a JWT in bytes. */
export const maxJwtBytes = 16_384;

/** The answer to a login or a renewal. */
export interface TokenGrant {
  readonly token: LoginToken;
  /** The authorities of the server, PEM; left out where they are the operator's. */
  readonly ca?: string;
}

/**
 * Exchanges a JWT for a token.
 *
 * @param now milliseconds since the epoch.
 * @throws {KeyringError} the problem of the server. @throws {KmsError} for a failure on the way.
 */
export async function exchangedToken(
  client: KeyringClient,
  { method, role, issuer }: MachineLogin,
  jwt: string,
  now: number,
): Promise<TokenGrant> {
  const body = JSON.stringify({ method, role, issuer, jwt });
  return await client.json({ method: "POST", path: "login", body }, (value, place) => {
    const one = objectAt(value, place);
    return { token: { token: textAt(one["token"], "token"), issuedAt: now, ...endsOf(one) }, ...authoritiesIn(one) };
  });
}

/** The token with a later end. Its text stays. */
export async function renewedToken(client: KeyringClient, { token }: LoginToken, now: number): Promise<TokenGrant> {
  return await client.json({ method: "POST", path: "token/renew" }, (value, place) => {
    const one = objectAt(value, place);
    return { token: { token, issuedAt: now, ...endsOf(one) }, ...authoritiesIn(one) };
  });
}

/** Revokes the token of the client. A token that the server does not accept any more counts as revoked. */
export async function revokeOwnToken(client: KeyringClient): Promise<void> {
  try {
    await client.json({ method: "POST", path: "token/revoke" }, () => undefined);
  } catch (thrown) {
    if (!(thrown instanceof KeyringError) || thrown.code !== "unauthenticated") throw thrown;
  }
}

/** The JWT of a file. @throws {KeyringError} `request_invalid` */
export async function jwtInFile(path: string): Promise<string> {
  try {
    return await readSecretFile(path, maxJwtBytes);
  } catch (thrown) {
    throw new KeyringError(
      "request_invalid",
      `Cannot read the token for the login in ${visible(path)}: ${whyUnreadable(thrown, path)}.`,
    );
  }
}

function endsOf(one: Readonly<Record<string, unknown>>): Pick<LoginToken, "expiresAt" | "renewableUntil"> {
  const expiresAt = timeAt(one["expiresAt"], "expiresAt");
  return { expiresAt, renewableUntil: optional(timeAt, one["renewableUntil"], "renewableUntil") ?? expiresAt };
}

function timeAt(value: unknown, place: string): number {
  const wall = Date.parse(textAt(value, place));
  if (Number.isNaN(wall)) throw wrongForm(place, "a time");
  return wall;
}
