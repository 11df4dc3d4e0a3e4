/**
 * `KmsError`, the error type of all modules, and the properties of its codes.
 *
 * @module
 */

/** Properties of an error code. */
interface CodeRow {
  /**
   * Whether a repetition of the call within its deadline may succeed. `login`: once, after a login that calls share.
   */
  readonly retry: "yes" | "no" | "login";
  /**
   * Whether the code makes a provider count as unhealthy: always, never, or only if a probe or a wrap failed with it.
   */
  readonly sick: "yes" | "no" | "probe-or-wrap";
  /** Whether the KMS was reached and refused the request. A refusal is not an outage. */
  readonly refusal: boolean;
}

/** All codes of {@linkcode KmsError}. */
export const errorCodes = {
  request_invalid: { retry: "no", sick: "no", refusal: false },
  integrity: { retry: "no", sick: "no", refusal: false },
  key_unknown: { retry: "no", sick: "probe-or-wrap", refusal: true },
  key_unusable: { retry: "no", sick: "probe-or-wrap", refusal: true },
  unauthenticated: { retry: "login", sick: "yes", refusal: true },
  permission_denied: { retry: "no", sick: "probe-or-wrap", refusal: true },
  throttled: { retry: "yes", sick: "no", refusal: false },
  unreachable: { retry: "yes", sick: "yes", refusal: false },
  deadline_exceeded: { retry: "no", sick: "yes", refusal: false },
  cancelled: { retry: "no", sick: "no", refusal: false },
  quorum_not_reached: { retry: "no", sick: "no", refusal: false },
  provider_protocol: { retry: "no", sick: "yes", refusal: false },
  internal: { retry: "no", sick: "no", refusal: false },
  config: { retry: "no", sick: "no", refusal: false },
} as const satisfies Record<string, CodeRow>;

/** A code of {@linkcode errorCodes}. */
export type ErrorCode = keyof typeof errorCodes;

/** Optional details of an error; none is secret. */
export interface KmsErrorDetails {
  /** The underlying error. It is never sent to a client; logs contain only its name. */
  readonly cause?: unknown;
  /** For `throttled`: the delay that the KMS requested, in milliseconds. */
  readonly retryAfterMs?: number;
  /** For `quorum_not_reached`: the error of each member. */
  readonly members?: readonly KmsError[];
}

/**
 * A failure: a code, and one sentence with the failed operation, the provider and the reason.
 *
 * The message appears in the API server's log and in the operator's: it never contains key bytes, tokens or a response
 * body.
 */
export class KmsError extends Error {
  override readonly name = "KmsError";
  readonly code: ErrorCode;
  /** As in {@linkcode KmsErrorDetails}; milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** As in {@linkcode KmsErrorDetails}; empty for all codes except `quorum_not_reached`. */
  readonly members: readonly KmsError[];

  constructor(code: ErrorCode, message: string, details: KmsErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.retryAfterMs = details.retryAfterMs;
    this.members = details.members ?? [];
  }
}

/**
 * The code that is reported to a client. For a missed quorum: the code that all members share, else `unreachable`.
 *
 * @returns any code except `quorum_not_reached`.
 */
export function effectiveCode(error: KmsError): Exclude<ErrorCode, "quorum_not_reached"> {
  if (error.code !== "quorum_not_reached") return error.code;
  const codes = new Set(error.members.map(effectiveCode));
  const [only] = codes;
  return codes.size === 1 && only !== undefined ? only : "unreachable";
}

/** Converts a thrown value to a `KmsError`. Any other error becomes `internal`; its sentence contains no details. */
export function toKmsError(thrown: unknown): KmsError {
  if (thrown instanceof KmsError) return thrown;
  return new KmsError("internal", "Trousseau failed in a way that it does not know; the log has the kind of failure.", {
    cause: thrown,
  });
}
