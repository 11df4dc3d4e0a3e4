/**
 * The proxy that an operator has named, and its login.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Secret, type SecretSource } from "../../base/secret.ts";
import type { Proxy } from "./tunnel.ts";

/** Through which proxy servers beyond this machine are reached. */
export interface ProxySettings {
  /** Scheme, host and port; plain http means that the way to the proxy is not encrypted, as the tunnel in it is. */
  readonly address: string;
  readonly login?: { readonly username: string; readonly password: SecretSource };
}

/**
 * Reads the login of now.
 *
 * @throws {KmsError} `config` if the password cannot be read.
 */
export async function readProxy({ address, login }: ProxySettings): Promise<Proxy> {
  if (login === undefined) return { origin: address, authorization: undefined };
  const credentials = Buffer.from(`${login.username}:${(await login.password.read()).reveal()}`);
  return { origin: address, authorization: new Secret(`Basic ${credentials.toString("base64")}`) };
}

/** Whether both make the same connections. */
export function sameProxy(a: Proxy | undefined, b: Proxy | undefined): boolean {
  if (a?.origin !== b?.origin) return false;
  return a?.authorization === undefined ? b?.authorization === undefined : a.authorization.equals(b?.authorization);
}

/** Whether a host is this machine, which no proxy can reach. */
export function isThisMachine(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.[0-9]+){3}$/.test(host);
}
