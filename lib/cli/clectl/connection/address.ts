/**
 * The address of a keyring server.
 *
 * @module
 */
import { KmsError } from "../../../base/errors.ts";
import { printable } from "../../terminal.ts";

/** A Unix socket, or a host and a port for TLS. `text` is the canonical form, for messages and comparisons. */
export type ServerAddress =
  | { readonly kind: "socket"; readonly path: string; readonly text: string }
  | { readonly kind: "tls"; readonly host: string; readonly port: number; readonly text: string };

/** The port of the server where an address names none. */
export const defaultPort = 8300;

/** The socket that is used where nothing names an address. */
export const defaultSocket = "/run/trousseaud/admin/admin.sock";

/**
 * Reads an address: `unix:///PATH` or `https://HOST[:PORT]`.
 *
 * @param source the place that the text comes from, for instance `CLECTL_ADDRESS`.
 * @throws {KmsError} `config`
 */
export function serverAddress(text: string, source: string): ServerAddress {
  const invalid = (why: string) =>
    new KmsError("config", `${source}: The address "${printable(text.slice(0, 200))}" is refused: ${why}.`);
  if (text.startsWith("unix://")) {
    const path = text.slice("unix://".length);
    if (!path.startsWith("/")) {
      throw invalid("a socket has an absolute path, as in unix:///run/trousseaud/admin/admin.sock");
    }
    // deno-lint-ignore no-control-regex
    if (/[\u0000-\u001f]/.test(path)) throw invalid("it has a control character");
    return { kind: "socket", path, text: `unix://${path}` };
  }
  if (/^http:/i.test(text)) throw invalid("values are never sent over plain HTTP; use https:// or a socket");
  const url = text.startsWith("https://") && URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) throw invalid("it is neither unix:///PATH nor https://HOST:PORT");
  if (url.username !== "" || url.password !== "") throw invalid("it has a user or a password in it");
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") throw invalid("there is something after the port");
  // URL removes the port of the scheme, which is 443 and not the default of the keyring.
  const port = url.port !== "" ? Number(url.port) : /:443\/?$/.test(text) ? 443 : defaultPort;
  return { kind: "tls", host: url.hostname.replace(/^\[|\]$/g, ""), port, text: `https://${url.hostname}:${port}` };
}
