/**
 * What vendors' refusals have in common: a code, why, and one sentence that says both.
 *
 * @module
 */
import { type ErrorCode, KmsError } from "../../base/errors.ts";
import type { HttpAnswer } from "./endpoint.ts";

/** What an answer that is no success means. */
export interface Meaning {
  readonly code: ErrorCode;
  /** What stands in brackets behind the status. */
  readonly why: string;
}

/** Statuses that servers and whatever stands before them answer with alike. */
export const busyOrDown = {
  408: { code: "unreachable", why: "request timeout" },
  429: { code: "throttled", why: "too many requests" },
  500: { code: "unreachable", why: "an error of its own" },
  502: { code: "unreachable", why: "bad gateway" },
  503: { code: "unreachable", why: "out of service" },
  504: { code: "unreachable", why: "gateway timeout" },
} as const satisfies Readonly<Record<number, Meaning>>;

/** What is said of a name that came in an answer; `undefined` where the table has no such row. */
export function meaningIn(table: Readonly<Record<string, Meaning>>, name: unknown): Meaning | undefined {
  return typeof name === "string" && Object.hasOwn(table, name) ? table[name] : undefined;
}

/** What is left to be said of a status that no table knows. */
export function unknownMeaning(status: number): Meaning {
  return status >= 500
    ? busyOrDown[500]
    : { code: "provider_protocol", why: "for a reason that Trousseau does not know" };
}

/** The error for an answer, as in `Cannot wrap with provider "a": Key Vault answered 429 (too many requests).` */
export function refusedBy(
  server: string,
  { status, retryAfterMs }: Pick<HttpAnswer, "status" | "retryAfterMs">,
  { code, why }: Meaning,
  action: string,
): KmsError {
  const message = `Cannot ${action}: ${server} answered ${status} (${why}).`;
  return new KmsError(code, message, retryAfterMs === undefined ? {} : { retryAfterMs });
}

/** The error for an answer whose shape we do not know. */
export function unacceptable(action: string, why: string): KmsError {
  return new KmsError("provider_protocol", `Cannot ${action}: ${why}.`);
}
