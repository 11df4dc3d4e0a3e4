/**
 * The server name in a TLS handshake (SNI).
 *
 * @module
 */
import { isIP } from "node:net";

/** Options with the server name; without it for an IP address, which SNI does not permit (RFC 6066, section 3). */
export function serverNameOf(name: string): { readonly servername?: string } {
  return isIP(name) === 0 ? { servername: name } : {};
}
