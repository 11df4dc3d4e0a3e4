/**
 * The origin of the HTTP pages. A client of them needs nothing else of the server.
 *
 * @module
 */

/** The origin for clients, for instance `http://127.0.0.1:8090`. A wildcard address becomes the loopback address. */
export function originOf({ hostname, port }: { readonly hostname: string; readonly port: number }): string {
  const host = hostname === "0.0.0.0" ? "127.0.0.1" : hostname === "::" ? "::1" : hostname;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
