/**
 * The configured proxy and its login.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Secret, type SecretSource } from "../../base/secret.ts";
import type { Proxy } from "./tunnel.ts";

/** The proxy for servers beyond this machine. */
export interface ProxySettings {
  /** Scheme, host and port. With http, the connection to the proxy is not encrypted; the tunnel inside it is. */
  readonly address: string;
  /** Credentials for Basic authentication (RFC 7617). */
  readonly login?: { readonly username: string; readonly password: SecretSource };
}

/**
 * Reads the current login.
 *
 * @throws {KmsError} `config` if the password cannot be read.
 */
export async function readProxy({ address, login }: ProxySettings): Promise<Proxy> {
  if (login === undefined) return { origin: address, authorization: undefined };
  const credentials = Buffer.from(`${login.username}:${(await login.password.read()).reveal()}`);
  return { origin: address, authorization: new Secret(`Basic ${credentials.toString("base64")}`) };
}

/** Whether both result in the same connections. */
export function sameProxy(a: Proxy | undefined, b: Proxy | undefined): boolean {
  if (a?.origin !== b?.origin) return false;
  return a?.authorization === undefined ? b?.authorization === undefined : a.authorization.equals(b?.authorization);
}

/** Whether a host name or address means this machine, which cannot be reached through a proxy. */
export function isThisMachine(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.[0-9]+){3}$/.test(host);
}
