/**
 * The parts of a request that are specific to Vault: its headers, and the path prefix of its API.
 *
 * @module
 */
import type { Secret } from "../../base/secret.ts";
import type { HttpAnswer, HttpCall, HttpRequest } from "../../net/https/endpoint.ts";
import { jsonRequest } from "../../net/https/endpoint.ts";

/** A request to Vault. */
export interface VaultRequest {
  readonly method: "GET" | "POST";
  /** Path below `/v1/` with encoded segments. */
  readonly path: string;
  readonly body?: unknown;
  /** Token; sent in a header and nowhere else. */
  readonly token?: Secret | undefined;
  /** Whether the request can succeed only once: see {@linkcode HttpRequest}. */
  readonly once?: boolean;
  /**
   * Whether to wait for a silent address until the deadline, because another address would find the one-time token
   * already used up.
   */
  readonly patient?: boolean;
}

/** A response of Vault, without the headers and the bytes of the body. */
export interface VaultAnswer extends Omit<HttpAnswer, "headers" | "bytes"> {
  /** The configured namespace, to which the request was sent. */
  readonly namespace?: string | undefined;
  /** The request of this response. */
  readonly request?: RequestSummary | undefined;
  /** The target of a redirect. */
  readonly redirect?: Redirect | undefined;
  /** The Date header. */
  readonly date?: string | undefined;
}

/** The parts of a request that messages name. */
export interface RequestSummary {
  readonly method: VaultRequest["method"];
  /** Path below `/v1/`. */
  readonly path: string;
  /** Whether a token was sent, by this program or by an agent. */
  readonly hasToken: boolean;
}

/** The target of a redirect; redirects are not followed. */
export interface Redirect {
  readonly origin: string;
  /** Whether the target is one of the configured addresses. */
  readonly configured: boolean;
}

/** A request, and the addresses to which it can be sent. */
export interface AddressedRequest {
  readonly request: VaultRequest;
  readonly namespace: string | undefined;
  /** The origins (scheme, host and port) of all addresses. */
  readonly origins: readonly string[];
}

/** The parts of a response that are kept. */
export function vaultAnswer(
  { status, body, retryAfterMs, headers }: HttpAnswer,
  { request: { method, path, token }, namespace, origins }: AddressedRequest,
): VaultAnswer {
  const origin = status >= 300 && status < 400 ? redirectOrigin(headers.location) : undefined;
  const redirect = origin === undefined ? undefined : { origin, configured: origins.includes(origin) };
  const request = { method, path, hasToken: token !== undefined };
  return { status, body, retryAfterMs, namespace, request, redirect, date: headers.date };
}

/** Scheme, host and port of a redirect; `undefined` if it has none, or one that is not safe to print. */
export function redirectOrigin(location: string | undefined): string | undefined {
  if (location === undefined || !URL.canParse(location)) return undefined;
  const { protocol, origin } = new URL(location);
  return /^https?:$/.test(protocol) && origin.length <= 300 ? origin : undefined;
}

/** Signal and action of a call, for instance `wrap with provider "vault-eu"`. */
export type VaultCall = HttpCall;

/** The HTTP request for a request to Vault. */
export function vaultHttp(request: VaultRequest, namespace: string | undefined): HttpRequest {
  const headers: Record<string, string> = { "x-vault-request": "true", accept: "application/json" };
  if (namespace !== undefined) headers["x-vault-namespace"] = namespace;
  if (request.token !== undefined) headers["x-vault-token"] = request.token.reveal();
  return {
    method: request.method,
    path: `/v1/${request.path}`,
    headers,
    body: request.body === undefined ? undefined : jsonRequest(request.body),
    once: request.once === true,
  };
}
