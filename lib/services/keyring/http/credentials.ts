/**
 * The credentials that a request presents.
 *
 * @module
 */
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { IncomingRequest } from "./exchange.ts";
import type { Credentials } from "../identity/authenticator.ts";

/**
 * A bearer token counts before the certificate of the connection and before its socket, so that a token that is refused
 * never acts with other rights.
 *
 * @param vaultHeader whether `X-Vault-Token` is taken.
 * @throws {KeyringError} `request_invalid` for a header that is no bearer token.
 */
export function credentialsOf(request: IncomingRequest, vaultHeader: boolean): Credentials {
  const token = bearerOf(request) ?? (vaultHeader ? request.header("x-vault-token") : undefined);
  if (token !== undefined && token !== "") return { kind: "bearer", token };
  const { socket, certificate } = request.peer;
  if (socket !== undefined) return { kind: "socket", socket };
  return certificate === undefined ? { kind: "none" } : { kind: "certificate", der: certificate };
}

function bearerOf(request: IncomingRequest): string | undefined {
  const header = request.header("authorization");
  if (header === undefined) return undefined;
  const [, token] = /^Bearer ([A-Za-z0-9._~+/=-]{1,65536})$/i.exec(header) ?? [];
  if (token !== undefined) return token;
  throw new KeyringError("request_invalid", "The header Authorization is refused: it must be Bearer and a token.");
}
