/**
 * Failures as problem documents (RFC 9457).
 *
 * @module
 */
import type { ProblemDocument } from "../../../api/keyring/common_schemas.ts";
import { KeyringError, problems } from "../../../api/keyring/problems.ts";
import type { ApiAnswer } from "./exchange.ts";

/** Any failure as a `KeyringError`. The sentence of an unknown one says nothing of it; the log has its name. */
export function toKeyringError(thrown: unknown): KeyringError {
  if (thrown instanceof KeyringError) return thrown;
  return new KeyringError(
    "internal",
    "The request failed inside the server; its log names the failure beside the ID of the request.",
    { cause: thrown },
  );
}

/** The problem document of a failure. */
export function problemOf({ code, message, details }: KeyringError, requestId: string): ProblemDocument {
  const { status, title } = problems[code];
  return {
    type: `urn:trousseau:problem:${code}`,
    title,
    status,
    detail: message,
    requestId,
    ...(details.version === undefined ? {} : { version: details.version }),
    ...(details.importId === undefined ? {} : { importId: details.importId }),
  };
}

/** Renders a failure as an answer. */
export type RenderProblem = (error: KeyringError, requestId: string) => ApiAnswer;

/** The answer with a problem document. */
export const problemAnswer: RenderProblem = (error, requestId) => ({
  status: problems[error.code].status,
  headers: { "content-type": "application/problem+json", ...problemHeaders(error) },
  body: JSON.stringify(problemOf(error, requestId)),
});

/** The headers that belong to a failure. */
export function problemHeaders({ code, details }: KeyringError): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  if (code === "unauthenticated") headers["www-authenticate"] = "Bearer";
  if (details.allow !== undefined) headers.allow = details.allow.join(", ");
  if (details.retryAfterSeconds !== undefined) headers["retry-after"] = String(Math.ceil(details.retryAfterSeconds));
  return headers;
}
