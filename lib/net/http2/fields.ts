/**
 * Headers: which are well formed, and what a request's say.
 *
 * @module
 */

/** One header as it came. Bytes above 0x7f are one character each. */
export interface Field {
  readonly name: string;
  readonly value: string;
  /** Judged once, when it is first read: most come again with every request. */
  readonly wellFormed: boolean;
}

/** What a request begins with. */
export interface RequestHeaders {
  readonly method: string;
  readonly path: string;
  /** The first header of that name, in lowercase. */
  get(name: string): string | undefined;
}

const token = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const pseudoNames: ReadonlySet<string> = new Set([":method", ":scheme", ":path", ":authority"]);

/** They are about a connection of HTTP/1.1, and mean that somebody on the way has mistranslated. */
const ofConnection: ReadonlySet<string> = new Set(
  ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"],
);

/** Makes a field. RFC 9113, sections 8.2.1, 8.2.2 and 8.3, says what is well formed. */
export function fieldOf(name: string, value: string): Field {
  return { name, value, wellFormed: isName(name) && isValue(value) && (name !== "te" || value === "trailers") };
}

function isName(name: string): boolean {
  return name.startsWith(":") ? pseudoNames.has(name) : token.test(name) && !ofConnection.has(name);
}

function isValue(value: string): boolean {
  return !/^[ \t]|[\0\r\n]|[ \t]$/.test(value);
}

/**
 * A request's headers.
 *
 * The authority may be anything or be left out: gRPC's clients put a socket's path there, escaped in ways of their own.
 *
 * @returns `undefined` where they are malformed (RFC 9113, section 8.1.1).
 */
export function requestHeaders(fields: readonly Field[]): RequestHeaders | undefined {
  const pseudo: Record<string, string> = { __proto__: null } as never;
  let regular = 0;
  let length: string | undefined;
  for (const { name, value, wellFormed } of fields) {
    if (!wellFormed) return undefined;
    if (name === "content-length") {
      // Only equal values may be taken for one (RFC 9110, section 8.6).
      if (length !== undefined && length !== value) return undefined;
      length = value;
    }
    if (!name.startsWith(":")) regular++;
    else if (regular > 0 || name in pseudo) return undefined;
    else pseudo[name] = value;
  }
  const { ":method": method, ":scheme": scheme, ":path": path } = pseudo;
  if (method === undefined || scheme === undefined || !path) return undefined;
  return { method, path, get: (name) => fields.find((field) => field.name === name)?.value };
}

/** Whether fields may stand after a body. */
export function areTrailers(fields: readonly Field[]): boolean {
  return fields.every(({ name, wellFormed }) => wellFormed && !name.startsWith(":"));
}

/** How long a request's body is said to be, in bytes; `undefined` where nothing is said, NaN where it is no length. */
export function bodyLength(headers: RequestHeaders): number | undefined {
  const length = headers.get("content-length");
  if (length === undefined) return undefined;
  return /^\d{1,15}$/.test(length) ? Number(length) : NaN;
}
