/**
 * Error responses that vendors have in common, and the errors for them.
 *
 * @module
 */
import { type ErrorCode, KmsError } from "../../base/errors.ts";
import type { HttpAnswer } from "./endpoint.ts";

/** The meaning of an error response. */
export interface Meaning {
  /** The code of the resulting {@linkcode KmsError}. */
  readonly code: ErrorCode;
  /** The reason, in parentheses after the status in messages. */
  readonly why: string;
}

/** Statuses with the same meaning for all servers, and for proxies and load balancers before them. */
export const busyOrDown = {
  408: { code: "unreachable", why: "request timeout" },
  429: { code: "throttled", why: "too many requests" },
  500: { code: "unreachable", why: "an error of its own" },
  502: { code: "unreachable", why: "bad gateway" },
  503: { code: "unreachable", why: "out of service" },
  504: { code: "unreachable", why: "gateway timeout" },
} as const satisfies Readonly<Record<number, Meaning>>;

/** The meaning of an error name in a response; `undefined` if the table has no such row. */
export function meaningIn(table: Readonly<Record<string, Meaning>>, name: unknown): Meaning | undefined {
  return typeof name === "string" && Object.hasOwn(table, name) ? table[name] : undefined;
}

/** The meaning of a status without a row in any table. */
export function unknownMeaning(status: number): Meaning {
  return status >= 500
    ? busyOrDown[500]
    : { code: "provider_protocol", why: "for a reason that Trousseau does not know" };
}

/** The error for a response, as in `Cannot wrap with provider "a": Key Vault answered 429 (too many requests).` */
export function refusedBy(
  server: string,
  { status, retryAfterMs }: Pick<HttpAnswer, "status" | "retryAfterMs">,
  { code, why }: Meaning,
  action: string,
): KmsError {
  const message = `Cannot ${action}: ${server} answered ${status} (${why}).`;
  return new KmsError(code, message, retryAfterMs === undefined ? {} : { retryAfterMs });
}

/** The error for a response of unexpected form: `provider_protocol`. */
export function unacceptable(action: string, why: string): KmsError {
  return new KmsError("provider_protocol", `Cannot ${action}: ${why}.`);
}
