/**
 * Header fields: rules for well-formed ones, and the headers of a request.
 *
 * @module
 */

/** A header field as received. Each byte is one character, bytes above 0x7f too (latin1). */
export interface Field {
  readonly name: string;
  readonly value: string;
  /**
   * Determined once, when the field is first decoded; most fields return with every request through the dynamic table.
   */
  readonly wellFormed: boolean;
}

/** The headers of a request. */
export interface RequestHeaders {
  /** Value of `:method`. */
  readonly method: string;
  /** Value of `:path`. */
  readonly path: string;
  /** Value of the first field with that name; the name is lowercase. */
  get(name: string): string | undefined;
}

const token = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const pseudoNames: ReadonlySet<string> = new Set([":method", ":scheme", ":path", ":authority"]);

/**
 * Fields that belong to a connection of HTTP/1.1. In HTTP/2 they make a request malformed (RFC 9113, section 8.2.2).
 */
const connectionFields: ReadonlySet<string> = new Set(
  ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"],
);

/** Creates a field and checks it by RFC 9113, sections 8.2.1, 8.2.2 and 8.3. */
export function fieldOf(name: string, value: string): Field {
  return { name, value, wellFormed: isName(name) && isValue(value) && (name !== "te" || value === "trailers") };
}

function isName(name: string): boolean {
  return name.startsWith(":") ? pseudoNames.has(name) : token.test(name) && !connectionFields.has(name);
}

function isValue(value: string): boolean {
  return !/^[ \t]|[\0\r\n]|[ \t]$/.test(value);
}

/**
 * The headers of a request.
 *
 * `:authority` may have any value or be absent: gRPC clients put the path of a Unix socket there, each with its own
 * escaping.
 *
 * @returns `undefined` if the request is malformed (RFC 9113, section 8.1.1).
 */
export function requestHeaders(fields: readonly Field[]): RequestHeaders | undefined {
  if (!areInOrder(fields)) return undefined;
  const method = valueOf(fields, ":method");
  const path = valueOf(fields, ":path");
  if (method === undefined || valueOf(fields, ":scheme") === undefined || !path) return undefined;
  return new FieldHeaders(fields, method, path);
}

class FieldHeaders implements RequestHeaders {
  readonly method: string;
  readonly path: string;
  readonly #fields: readonly Field[];

  constructor(fields: readonly Field[], method: string, path: string) {
    this.#fields = fields;
    this.method = method;
    this.path = path;
  }

  get(name: string): string | undefined {
    return valueOf(this.#fields, name);
  }
}

function valueOf(fields: readonly Field[], name: string): string | undefined {
  for (const field of fields) if (field.name === name) return field.value;
  return undefined;
}

/** Whether all fields are well formed, no pseudo-header field is repeated or follows a regular one, and lengths agree. */
function areInOrder(fields: readonly Field[]): boolean {
  const length = valueOf(fields, "content-length");
  let regular = 0;
  for (let at = 0; at < fields.length; at++) {
    const { name, value, wellFormed } = fields[at] as Field;
    if (!wellFormed) return false;
    // Repeated values must be equal (RFC 9110, section 8.6).
    if (name === "content-length" && value !== length) return false;
    if (!name.startsWith(":")) regular++;
    else if (regular > 0 || isRepeated(fields, at)) return false;
  }
  return true;
}

/** Whether an earlier field has the same name. Only pseudo-header fields precede one, at most one of each name. */
function isRepeated(fields: readonly Field[], at: number): boolean {
  for (let before = 0; before < at; before++) if (fields[before]?.name === fields[at]?.name) return true;
  return false;
}

/** Whether the fields may follow a body: well formed and without pseudo-header fields (RFC 9113, section 8.1). */
export function areTrailers(fields: readonly Field[]): boolean {
  return fields.every(({ name, wellFormed }) => wellFormed && !name.startsWith(":"));
}

/** Value of `content-length` in bytes; `undefined` if absent, NaN if it is not a number. */
export function bodyLength(headers: RequestHeaders): number | undefined {
  const length = headers.get("content-length");
  if (length === undefined) return undefined;
  return /^\d{1,15}$/.test(length) ? Number(length) : NaN;
}
