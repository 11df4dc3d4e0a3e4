/**
 * `KeyringError`, the error of the keyring's server and client, and the properties of its codes. A code is the last
 * segment of the `type` of a problem document (RFC 9457).
 *
 * @module
 */

/** Properties of a code. */
interface ProblemRow {
  /** HTTP status. */
  readonly status: 400 | 401 | 403 | 404 | 405 | 409 | 410 | 412 | 413 | 415 | 422 | 429 | 500 | 503;
  /** The `title` of the problem document: a phrase that does not depend on the request. */
  readonly title: string;
  /** The kind of failure for a client: it determines the exit status of `clectl`. */
  readonly kind: "condition" | "input" | "refused" | "unavailable" | "internal" | "configuration";
}

/** All codes of {@linkcode KeyringError}. */
export const problems = {
  path_invalid: { status: 400, title: "invalid path", kind: "input" },
  request_invalid: { status: 400, title: "invalid request", kind: "input" },
  unauthenticated: { status: 401, title: "no valid identity", kind: "refused" },
  forbidden: { status: 403, title: "not permitted by the policy", kind: "refused" },
  not_found: { status: 404, title: "does not exist", kind: "condition" },
  method_not_allowed: { status: 405, title: "method not allowed", kind: "input" },
  exists: { status: 409, title: "exists already", kind: "condition" },
  claimed: { status: 409, title: "claimed by an import", kind: "condition" },
  conflict: { status: 409, title: "changed at the same time", kind: "condition" },
  backup_unopenable: { status: 409, title: "no key outside the server opens the backup", kind: "configuration" },
  deleted: { status: 410, title: "deleted", kind: "condition" },
  destroyed: { status: 410, title: "destroyed", kind: "condition" },
  expired: { status: 410, title: "expired", kind: "condition" },
  version_mismatch: { status: 412, title: "another version", kind: "condition" },
  too_large: { status: 413, title: "too large", kind: "input" },
  media_type: { status: 415, title: "unsupported media type", kind: "input" },
  idempotency_mismatch: { status: 422, title: "idempotency key of another request", kind: "input" },
  rate_limited: { status: 429, title: "too many requests", kind: "unavailable" },
  integrity: { status: 500, title: "stored data does not verify", kind: "internal" },
  internal: { status: 500, title: "internal failure", kind: "internal" },
  kms_unavailable: { status: 503, title: "no KMS can open the store", kind: "unavailable" },
  store_unavailable: { status: 503, title: "the store cannot be used", kind: "unavailable" },
  issuer_unavailable: { status: 503, title: "the issuer of the token cannot be asked", kind: "unavailable" },
  audit_unavailable: { status: 503, title: "the audit cannot be written", kind: "unavailable" },
  clock_behind: { status: 503, title: "the clock is behind", kind: "unavailable" },
  draining: { status: 503, title: "the server stops", kind: "unavailable" },
} as const satisfies Readonly<Record<string, ProblemRow>>;

/** A code of {@linkcode problems}. */
export type ProblemCode = keyof typeof problems;

/** Optional members of a problem document; none is secret. */
export interface ProblemDetails {
  /** The underlying error. It is never sent; logs contain only its name. */
  readonly cause?: unknown;
  /** For `version_mismatch`, `exists`, `deleted`: the newest version, 1 or more. */
  readonly version?: number;
  /** For `rate_limited` and `unavailable` kinds: seconds to wait. */
  readonly retryAfterSeconds?: number;
  /** For `store_unavailable`: whether the write has happened cannot be found out. */
  readonly outcome?: "unknown";
  /** For `method_not_allowed`: the methods of the path. */
  readonly allow?: readonly string[];
  /** For `claimed`: the ID of the import. */
  readonly importId?: string;
}

/** A failure: a code, and one sentence with the failed operation, the path if there is one, and the reason. */
export class KeyringError extends Error {
  override readonly name = "KeyringError";
  readonly code: ProblemCode;
  readonly details: ProblemDetails;

  /** @param message a sentence that contains no value, token or code. */
  constructor(code: ProblemCode, message: string, details: ProblemDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.details = details;
  }
}
