/**
 * The input of a request: query, body and headers, each checked against the schema of its route. Sentences name the
 * place of a mistake and never repeat a value.
 *
 * @module
 */
import type * as z from "zod/mini";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { exactText } from "../../../base/bytes.ts";
import type { IncomingRequest } from "./exchange.ts";
import { repeatedName } from "./json_slices.ts";
import { queryParameters } from "./target.ts";

/** Limits of bodies in bytes. */
export const bodyLimits = {
  /** A secret of 1 MiB as base64 or escaped text, and its names. */
  request: 2_359_296,
  /** The secrets of an import. */
  import: 33_554_432,
} as const;

/** Checks the query of a request. @throws {KeyringError} `request_invalid` */
export function checkedQuery<Schema extends z.ZodMiniType>(
  schema: Schema | undefined,
  query: string,
): z.output<Schema> {
  const parameters = queryParameters(query);
  if (schema !== undefined) return checked(schema, parameters, "query");
  if (Object.keys(parameters).length > 0) throw invalid("query", "this route takes no parameters");
  return {} as z.output<Schema>;
}

/** A body that was checked. */
export interface CheckedBody<Body> {
  readonly value: Body;
  /** As it was sent, for values that are kept as they are written. */
  readonly text: string;
  readonly bytes: Uint8Array;
}

/**
 * Reads and checks the body of a request. Without a schema it must be empty.
 *
 * @param anyMediaType whether the content type is left unread, as Vault does.
 * @throws {KeyringError} `request_invalid`, `media_type`, `too_large`
 */
export async function checkedBody<Schema extends z.ZodMiniType>(
  request: IncomingRequest,
  schema: Schema | undefined,
  maxBytes: number,
  anyMediaType = false,
): Promise<CheckedBody<z.output<Schema>>> {
  if (schema === undefined) {
    // A few routes of Vault's clients send an empty object.
    const bytes = await request.body(2);
    if (bytes.length > 0 && exactText(bytes) !== "{}") throw invalid("body", "this route takes none");
    return { value: {} as z.output<Schema>, text: "{}", bytes };
  }
  if (!anyMediaType) checkMediaType(request);
  checkEncoding(request);
  const bytes = await request.body(maxBytes);
  const text = exactText(bytes);
  if (text === undefined) throw invalid("body", "it is not UTF-8");
  const parsed = parsedBody(text);
  // Clients of Vault's KV are answered as by Vault, which takes the last one.
  const repeated = anyMediaType ? undefined : repeatedName(text);
  if (repeated !== undefined) throw invalid("body", `it has the name ${shown(repeated)} twice in one object`);
  return { value: checked(schema, parsed, "body"), text, bytes };
}

function checkMediaType(request: IncomingRequest): void {
  const type = request.header("content-type") ?? "";
  if (!/^application\/json(\s*;\s*charset=utf-8)?$/i.test(type)) {
    throw new KeyringError("media_type", "The body is refused: send JSON with Content-Type: application/json.");
  }
}

function checkEncoding(request: IncomingRequest): void {
  if ((request.header("content-encoding") ?? "identity") !== "identity") {
    throw new KeyringError("media_type", "The body is refused: it is compressed; send it without Content-Encoding.");
  }
}

/** @throws {KeyringError} `request_invalid` */
export function parsedBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The message of `JSON.parse` repeats a part of the text.
    throw invalid("body", "it is not JSON");
  }
}

function checked<Schema extends z.ZodMiniType>(
  schema: Schema,
  input: unknown,
  part: "query" | "body",
): z.output<Schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const [first] = result.error.issues;
  throw invalid(part, first === undefined ? "it is not valid" : issueText(first));
}

/** One mistake: its place and the complaint. */
function issueText(issue: z.core.$ZodIssue): string {
  const place = issue.path.length === 0 ? "it" : shown(issue.path.map(String).join("."));
  if (issue.code === "unrecognized_keys") {
    return `${place} has the unknown key ${shown(issue.keys[0] ?? "")}`;
  }
  if (issue.code === "invalid_key") return `${place}: the name ${issue.issues[0]?.message ?? "is not valid"}`;
  return hasOwnMessage(issue) ? `${place} ${issue.message}` : `${place} is not valid`;
}

/** Whether the schema has a complaint of its own. */
function hasOwnMessage({ message }: z.core.$ZodIssue): boolean {
  return message !== "Invalid input";
}

function shown(name: string): string {
  const start = name.length > 64 ? `${name.slice(0, 64)}…` : name;
  return JSON.stringify(start.toWellFormed()).replaceAll(/[\u007f-\u009f\u2028\u2029]/g, "?");
}

function invalid(part: "query" | "body" | "If-Match" | "Idempotency-Key", why: string): KeyringError {
  return new KeyringError("request_invalid", `The ${part} is refused: ${why}.`);
}

/**
 * The version of `If-Match` or of Vault's `cas`: 0 for a secret that must not exist.
 *
 * @throws {KeyringError} `request_invalid`
 */
export function ifMatchOf(request: IncomingRequest, taken: boolean): number | undefined {
  const header = request.header("if-match");
  if (header === undefined) return undefined;
  if (!taken) throw invalid("If-Match", "this route takes none");
  const [, digits] = /^"(0|[1-9][0-9]{0,9})"$/.exec(header) ?? [];
  if (digits === undefined) throw invalid("If-Match", 'it must be one version in quotes, such as "3"');
  return Number(digits);
}

/** The key of `Idempotency-Key`. @throws {KeyringError} `request_invalid` */
export function idempotencyKeyOf(request: IncomingRequest, taken: boolean): string | undefined {
  const header = request.header("idempotency-key");
  if (header === undefined) return undefined;
  if (!taken) throw invalid("Idempotency-Key", "this route takes none");
  if (!/^[!-~]{1,255}$/.test(header)) {
    throw invalid("Idempotency-Key", "it must be 1 to 255 printable ASCII characters");
  }
  return header;
}

/** Refuses requests of web pages: a browser would add the client certificate of its user. @throws {KeyringError} */
export function refuseBrowsers(request: IncomingRequest): void {
  if (request.header("origin") === undefined && request.header("sec-fetch-site") === undefined) return;
  throw new KeyringError("forbidden", "The request is refused: it comes from a web page, and the API serves none.");
}
