/**
 * The name of a server in a TLS handshake.
 *
 * @module
 */
import { isIP } from "node:net";

/** The name for the handshake and the certificate, which an IP address is not (RFC 6066, section 3). */
export function serverNameOf(name: string): { readonly servername?: string } {
  return isIP(name) === 0 ? { servername: name } : {};
}
