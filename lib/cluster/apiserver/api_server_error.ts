/**
 * The errors for answers of kube-apiserver.
 *
 * @module
 */
import { KmsError } from "../../base/errors.ts";
import type { HttpAnswer } from "../../net/https/http_answer.ts";

/** The request that was answered. */
export interface FailedApiRequest {
  readonly path: string;
  /** The operation in messages. */
  readonly action: string;
  /** The address of the API server. */
  readonly server: string;
  /** The source of the credentials. */
  readonly source: string;
}

/**
 * The error for an answer that is not a success.
 *
 * @returns `unauthenticated` for 401, `permission_denied` for 403, `throttled` for 429 with the requested delay,
 *   `unreachable` from 500 on, else `provider_protocol`. The message contains nothing of the body.
 */
export function apiServerError(
  { status, retryAfterMs }: Pick<HttpAnswer, "status" | "retryAfterMs">,
  { path, action, server, source }: FailedApiRequest,
): KmsError {
  const shown = path.replace(/\?.*$/, "");
  const details = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (status === 401) {
    return new KmsError(
      "unauthenticated",
      `Cannot ${action}: the API server at ${server} does not accept the credentials of ${source}.`,
    );
  }
  if (status === 403) {
    return new KmsError(
      "permission_denied",
      `Cannot ${action}: the API server at ${server} forbids ${shown} to this user.`,
    );
  }
  if (status === 429) {
    return new KmsError(
      "throttled",
      `Cannot ${action}: the API server at ${server} has too many requests and refused ${shown}.`,
      details,
    );
  }
  const code = status >= 500 ? "unreachable" : "provider_protocol";
  return new KmsError(code, `Cannot ${action}: the API server at ${server} answered ${status} to ${shown}.`, details);
}
