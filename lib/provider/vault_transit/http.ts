/**
 * Vault's own part of a request: its headers, and the path that all of its API is below.
 *
 * @module
 */
import type { Secret } from "../../secret.ts";
import type { HttpAnswer, HttpCall, HttpRequest } from "../https/endpoint.ts";
import { json } from "../https/endpoint.ts";

/** What is asked of Vault. */
export interface VaultRequest {
  readonly method: "GET" | "POST";
  /** Below `/v1/`, its segments encoded. */
  readonly path: string;
  readonly body?: unknown;
  /** Travels in a header and nowhere else. */
  readonly token?: Secret | undefined;
  /** Whether it works only once: see {@linkcode HttpRequest}. */
  readonly once?: boolean;
}

/** What Vault said; where a standby points to, only the client asks, and all that is no JSON says nothing. */
export interface VaultAnswer extends Omit<HttpAnswer, "headers" | "bytes"> {
  /** The configured namespace, which was asked. */
  readonly namespace?: string | undefined;
}

/** How a call is bounded and what it is for, as in `wrap with provider "vault-eu"`. */
export type VaultCall = HttpCall;

/** The request as it travels. */
export function vaultHttp(request: VaultRequest, namespace: string | undefined): HttpRequest {
  const headers: Record<string, string> = { "x-vault-request": "true", accept: "application/json" };
  if (namespace !== undefined) headers["x-vault-namespace"] = namespace;
  if (request.token !== undefined) headers["x-vault-token"] = request.token.reveal();
  return {
    method: request.method,
    path: `/v1/${request.path}`,
    headers,
    body: request.body === undefined ? undefined : json(request.body),
    once: request.once === true,
  };
}
