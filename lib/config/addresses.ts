/**
 * Parses addresses in the configuration: origins of a KMS, and listen addresses.
 *
 * @module
 */

/** A listen address for HTTP. Port 0: the system selects the port. */
export interface ListenAddress {
  /** Host name or IP address; IPv6 without brackets. */
  readonly hostname: string;
  readonly port: number;
}

/** A scheme, a host and an optional port, followed by at most one slash. */
export const originPattern = /^https?:\/\/[^/?#@\\\s]+\/?$/;

/** A host, or an IPv6 address in brackets, and a port. */
export const listenPattern = /^(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z.-]+):[0-9]{1,5}$/;

/**
 * The origin in its canonical form, or the reason why the text is not an origin. The reason is the end of a sentence
 * and does not repeat the text, which can contain a password. Plain http is accepted for loopback addresses only. There
 * is no option to permit more, because a token and every data key would cross the network in plain text.
 */
export function parseOrigin(text: string): { origin: string } | { complaint: string } {
  if (/^https?:\/\/[^/?#\\]*@/i.test(text)) {
    return {
      complaint: "must not hold a user name or password; take them out and change them, for they stood in a file",
    };
  }
  if (!originPattern.test(text) || !URL.canParse(text)) {
    return { complaint: "must be an origin such as https://vault.example:8200, without a path or query" };
  }
  const url = new URL(text);
  if (url.protocol === "http:" && !isLoopback(url.hostname)) {
    return { complaint: "must begin with https://; plain http is taken for loopback addresses only" };
  }
  return { origin: url.origin };
}

/** Whether it is `localhost`, 127.0.0.0/8 or ::1, in the spelling of `URL`. */
function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.[0-9]+){3}$/.test(hostname);
}

/** A host and a port; `undefined` if the text has another form. */
export function parseListen(text: string): ListenAddress | undefined {
  if (!listenPattern.test(text)) return undefined;
  const colon = text.lastIndexOf(":");
  const hostname = text.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  const port = Number(text.slice(colon + 1));
  return port <= 65_535 ? { hostname, port } : undefined;
}
