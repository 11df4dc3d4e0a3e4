/**
 * Vault's own part of a request: its headers, and the path that all of its API is below.
 *
 * @module
 */
import type { Secret } from "../../base/secret.ts";
import type { HttpAnswer, HttpCall, HttpRequest } from "../../net/https/endpoint.ts";
import { jsonRequest } from "../../net/https/endpoint.ts";

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
  /** Whether an address that is silent is waited for to the end, since another one would find spent what this one takes. */
  readonly patient?: boolean;
}

/** An answer of Vault's, without the headers and the bytes of the body. */
export interface VaultAnswer extends Omit<HttpAnswer, "headers" | "bytes"> {
  /** The configured namespace, which was asked. */
  readonly namespace?: string | undefined;
  /** The request that was answered. */
  readonly asked?: Asked | undefined;
  /** Where a redirect points to. */
  readonly redirect?: Redirect | undefined;
}

/** Which request was made. */
export interface Asked {
  readonly method: VaultRequest["method"];
  /** Below `/v1/`. */
  readonly path: string;
  /** Whether a token was sent; an agent adds its own. */
  readonly hasToken: boolean;
}

/** The target of a redirect, which is not followed. */
export interface Redirect {
  readonly origin: string;
  /** Whether it is one of the configured addresses. */
  readonly configured: boolean;
}

/** A request, and the addresses that it may be sent to. */
export interface Question {
  readonly request: VaultRequest;
  readonly namespace: string | undefined;
  /** The origins of all addresses. */
  readonly origins: readonly string[];
}

/** The parts of an answer that are kept. */
export function vaultAnswer(
  { status, body, retryAfterMs, headers }: HttpAnswer,
  { request: { method, path, token }, namespace, origins }: Question,
): VaultAnswer {
  const origin = status >= 300 && status < 400 ? redirectOrigin(headers.location) : undefined;
  const redirect = origin === undefined ? undefined : { origin, configured: origins.includes(origin) };
  return { status, body, retryAfterMs, namespace, asked: { method, path, hasToken: token !== undefined }, redirect };
}

/** Scheme, host and port of a redirect; `undefined` if it has none, or none that can be shown. */
export function redirectOrigin(location: string | undefined): string | undefined {
  if (location === undefined || !URL.canParse(location)) return undefined;
  const { protocol, origin } = new URL(location);
  return /^https?:$/.test(protocol) && origin.length <= 300 ? origin : undefined;
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
    body: request.body === undefined ? undefined : jsonRequest(request.body),
    once: request.once === true,
  };
}
