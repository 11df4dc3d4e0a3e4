/**
 * The one error that crosses rooms, and everything known about each of its codes.
 *
 * @module
 */

/** What a code means for whoever caught it. */
interface CodeRow {
  /** Whether the same call may succeed if it is made again within its deadline. `login`: once, after one shared login. */
  readonly retry: "yes" | "no" | "login";
  /** Whether a provider that answered so is taken for sick: always, never, or only when a probe or a wrap said so. */
  readonly sick: "yes" | "no" | "probe-or-wrap";
  /** Whether the KMS was reached and said no: a refusal is not an outage. */
  readonly refusal: boolean;
}

/** Every code of {@linkcode KmsError}, closed: a code that is not here cannot be thrown. */
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

/** Details that some codes carry; none of them is secret. */
export interface KmsErrorDetails {
  /** What happened underneath. Never printed to a client; logs print its name only. */
  readonly cause?: unknown;
  /** For `throttled`: how long the KMS asks to be left alone, in milliseconds. */
  readonly retryAfterMs?: number;
  /** For `quorum_not_reached`: what each member said. */
  readonly members?: readonly KmsError[];
}

/**
 * A failure with a code and one sentence that says what could not be done, with which provider, and why.
 *
 * The message goes to the API server's log and to an operator's eyes: it never holds key bytes, tokens or a body that
 * came from elsewhere.
 */
export class KmsError extends Error {
  override readonly name = "KmsError";
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;
  readonly members: readonly KmsError[];

  constructor(code: ErrorCode, message: string, details: KmsErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.retryAfterMs = details.retryAfterMs;
    this.members = details.members ?? [];
  }
}

/**
 * The code that a client is told: for a missed quorum, the code its members share, else `unreachable`.
 *
 * @returns any code but `quorum_not_reached`.
 */
export function effectiveCode(error: KmsError): Exclude<ErrorCode, "quorum_not_reached"> {
  if (error.code !== "quorum_not_reached") return error.code;
  const codes = new Set(error.members.map(effectiveCode));
  const [only] = codes;
  return codes.size === 1 && only !== undefined ? only : "unreachable";
}

/** Wraps whatever was thrown; a stranger becomes `internal`, whose sentence holds no detail. */
export function toKmsError(thrown: unknown): KmsError {
  if (thrown instanceof KmsError) return thrown;
  return new KmsError("internal", "Trousseau failed in a way that it does not know; the log has the kind of failure.", {
    cause: thrown,
  });
}
