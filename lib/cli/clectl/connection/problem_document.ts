/**
 * Problem documents (RFC 9457) of the keyring as errors.
 *
 * @module
 */
import { utf8Text } from "../../../base/bytes.ts";
import { KmsError } from "../../../base/errors.ts";
import { KeyringError, type ProblemCode, type ProblemDetails, problems } from "../../../api/keyring/problems.ts";
import { printable } from "../../terminal.ts";

/** Prefix of the `type` of a problem document; its code follows. */
const typePrefix = "urn:trousseau:problem:";

/** Longest sentence that is shown, in characters. */
const maxDetail = 4_000;

/** The parts of an answer that a problem is read from. */
export interface ProblemAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly retryAfter: string | undefined;
  readonly body: Uint8Array;
}

/**
 * The error for an answer with a status from 400.
 *
 * @param address the server, for the message about an answer that is no problem document.
 */
export function problemErrorOf(answer: ProblemAnswer, address: string): KeyringError | KmsError {
  const error = keyringErrorOf(documentOf(answer), answer.retryAfter, printableLines);
  return error ?? unknownProblem(answer.status, address);
}

/** The mistakes of a policy are lines of their own; the report of an error indents them. */
function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

/** The error for a problem document; `undefined` for any other value. */
export function keyringErrorOf(
  value: unknown,
  retryAfter?: string,
  shown: (text: string) => string = printable,
): KeyringError | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const document = value as Readonly<Record<string, unknown>>;
  const { type, detail, requestId } = document;
  const code = codeOf(type);
  if (code === undefined || typeof detail !== "string") return undefined;
  const isTraced = problems[code].kind === "internal" && typeof requestId === "string";
  const traced = isTraced ? ` The request ID is ${requestId.slice(0, 100)}.` : "";
  return new KeyringError(code, shown(detail.slice(0, maxDetail) + traced), detailsOf(document, retryAfter));
}

function detailsOf(document: Readonly<Record<string, unknown>>, retryAfter: string | undefined): ProblemDetails {
  const { version, importId } = document;
  return {
    ...(Number.isSafeInteger(version) && typeof version === "number" ? { version } : {}),
    ...(typeof importId === "string" ? { importId: importId.slice(0, 100) } : {}),
    ...(/^\d{1,6}$/.test(retryAfter ?? "") ? { retryAfterSeconds: Number(retryAfter) } : {}),
  };
}

function documentOf({ contentType, body }: ProblemAnswer): unknown {
  if (!/^application\/(problem\+)?json\b/i.test(contentType ?? "")) return undefined;
  try {
    return JSON.parse(utf8Text(body) ?? "");
  } catch {
    return undefined;
  }
}

function codeOf(type: unknown): ProblemCode | undefined {
  if (typeof type !== "string" || !type.startsWith(typePrefix)) return undefined;
  const code = type.slice(typePrefix.length);
  return Object.hasOwn(problems, code) ? code as ProblemCode : undefined;
}

/** A status without a problem document of the keyring: another program answers, or one between. */
function unknownProblem(status: number, address: string): KmsError {
  const code = status === 401 || status === 403
    ? "permission_denied"
    : status === 429 || status >= 502
    ? "unreachable"
    : "provider_protocol";
  return new KmsError(code, `The keyring at ${address} answered ${status} without a reason that clectl knows.`);
}
