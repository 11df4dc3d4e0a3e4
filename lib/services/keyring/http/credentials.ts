/**
 * The credentials that a request presents.
 *
 * @module
 */
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { IncomingRequest } from "./exchange.ts";
import type { Credentials } from "../identity/authenticator.ts";

/** Credentials, and the role to which a request limits itself. */
export interface RequestCredentials {
  readonly credentials: Credentials;
  readonly role?: string;
}

/** Stands in `X-Vault-Token` for the certificate of the connection with one role; it is no secret. */
export function certificateToken(role: string): string {
  return `certificate:${role}`;
}

/**
 * A bearer token counts before the certificate of the connection and before its socket, so that a token that is refused
 * never acts with other rights.
 *
 * @param vault whether `X-Vault-Token` is taken.
 * @throws {KeyringError} `request_invalid` for a header that is no bearer token.
 */
export function credentialsOf(request: IncomingRequest, vault: boolean): RequestCredentials {
  const token = vault ? vaultTokenOf(request) : bearerOf(request);
  const { socket, certificate } = request.peer;
  const [, role] = /^certificate:([a-z0-9_-]{1,63})$/.exec(vault ? token ?? "" : "") ?? [];
  if (role !== undefined) {
    return {
      credentials: certificate === undefined ? { kind: "none" } : { kind: "certificate", der: certificate },
      role,
    };
  }
  if (token !== undefined) return { credentials: { kind: "bearer", token } };
  if (socket !== undefined) return { credentials: { kind: "socket", socket } };
  return { credentials: certificate === undefined ? { kind: "none" } : { kind: "certificate", der: certificate } };
}

/** The token of a request of a client of Vault. @throws {KeyringError} `request_invalid` */
export function vaultTokenOf(request: IncomingRequest): string | undefined {
  const token = request.header("x-vault-token");
  return token === undefined || token === "" ? bearerOf(request) : token;
}

function bearerOf(request: IncomingRequest): string | undefined {
  const header = request.header("authorization");
  // An empty header is refused: a client whose token was lost must not act as its socket or its certificate.
  if (header === undefined) return undefined;
  const [, token] = /^Bearer ([A-Za-z0-9._~+/=-]{1,65536})$/i.exec(header) ?? [];
  if (token !== undefined) return token;
  throw new KeyringError("request_invalid", "The header Authorization is refused: it must be Bearer and a token.");
}
