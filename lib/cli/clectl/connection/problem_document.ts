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
const maxDetail = 1000;

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
export function problemOf(answer: ProblemAnswer, address: string): KeyringError | KmsError {
  const document = documentOf(answer);
  const code = codeOf(document?.["type"]);
  const detail = document?.["detail"];
  if (document === undefined || code === undefined || typeof detail !== "string") {
    return unknownProblem(answer.status, address);
  }
  const details = detailsOf(document, answer.retryAfter);
  const requestId = document["requestId"];
  const traced = problems[code].kind === "internal" && typeof requestId === "string"
    ? ` The request ID is ${requestId.slice(0, 100)}.`
    : "";
  return new KeyringError(code, printable(detail.slice(0, maxDetail) + traced), details);
}

function detailsOf(document: Readonly<Record<string, unknown>>, retryAfter: string | undefined): ProblemDetails {
  const { version, importId } = document;
  return {
    ...(Number.isSafeInteger(version) && typeof version === "number" ? { version } : {}),
    ...(typeof importId === "string" ? { importId: importId.slice(0, 100) } : {}),
    ...(/^\d{1,6}$/.test(retryAfter ?? "") ? { retryAfterSeconds: Number(retryAfter) } : {}),
  };
}

function documentOf({ contentType, body }: ProblemAnswer): Readonly<Record<string, unknown>> | undefined {
  if (!/^application\/(problem\+)?json\b/i.test(contentType ?? "")) return undefined;
  try {
    const value: unknown = JSON.parse(utf8Text(body) ?? "");
    return typeof value === "object" && value !== null ? value as Readonly<Record<string, unknown>> : undefined;
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
