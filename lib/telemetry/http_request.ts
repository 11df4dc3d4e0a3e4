/**
 * A strict parser for the head of an HTTP/1.x request (RFC 9112). A head that violates the grammar is refused.
 *
 * @module
 */

/** A request without its body. */
export interface RequestHead {
  /** As it was sent. Methods are case-sensitive (RFC 9110, section 9.1). */
  readonly method: string;
  /** The origin form with its query, or the absolute form. */
  readonly target: string;
  readonly host: string | undefined;
  readonly accept: string;
  /** Whether the client can send another request on the same connection. */
  readonly keepAlive: boolean;
  /** Whether a body follows. Bodies are not read. */
  readonly hasBody: boolean;
}

/** Maximum size of a head in bytes. Prometheus and kubelet send about 300. */
export const maxHead = 8192;

/** A token of RFC 9110, section 5.6.2. */
const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const requestLine = new RegExp(`^(${token}) ([\\x21-\\x7e]+) HTTP/1\\.([01])$`);
const fieldLine = new RegExp(`^(${token}):[ \\t]*([\\x20-\\x7e\\x80-\\xff\\t]*?)[ \\t]*$`);

/**
 * Parses a head.
 *
 * @param text the lines before the empty line, one character for each byte, separated by CRLF.
 * @returns the head; `undefined` if it is invalid.
 */
export function parseHead(text: string): RequestHead | undefined {
  const [first = "", ...lines] = text.split("\r\n");
  const [, method, target, minor] = requestLine.exec(first) ?? [];
  const fields = fieldsOf(lines);
  if (method === undefined || target === undefined || fields === undefined) return undefined;
  const host = fields.get("host");
  // RFC 9112, section 3.2: an HTTP/1.1 request has exactly one Host. Two of them are joined by a comma here, which is not
  // valid in a host.
  if ((host === undefined && minor === "1") || (host !== undefined && !isHost(host))) return undefined;
  const length = fields.get("content-length") ?? "0";
  return {
    method,
    target,
    host,
    accept: fields.get("accept") ?? "",
    keepAlive: staysOpen(fields.get("connection") ?? "", minor === "1"),
    hasBody: fields.has("transfer-encoding") || !/^0+$/.test(length),
  };
}

function fieldsOf(lines: readonly string[]): ReadonlyMap<string, string> | undefined {
  const fields = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = fieldLine.exec(line) ?? [];
    if (name === undefined || value === undefined) return undefined;
    const before = fields.get(name.toLowerCase());
    fields.set(name.toLowerCase(), before === undefined ? value : `${before}, ${value}`);
  }
  return fields;
}

/** Whether a text is a name or an address with an optional port, without user information, path or comma. */
function isHost(text: string): boolean {
  return /^(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._~!$&'()*+;=%-]+)(:[0-9]*)?$/.test(text);
}

function staysOpen(connection: string, isDefault: boolean): boolean {
  const options = connection.toLowerCase().split(",").map((option) => option.trim());
  return !options.includes("close") && (isDefault || options.includes("keep-alive"));
}
