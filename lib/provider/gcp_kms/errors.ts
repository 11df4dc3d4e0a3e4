/**
 * The meaning of Google's errors, from the `status` of a `google.rpc.Status`, the `reason` of an ErrorInfo and the
 * `type` of a PreconditionFailure ("Errors", AIP-193). Their texts are neither read nor repeated.
 *
 * @module
 */
import type { KmsError } from "../../base/errors.ts";
import type { HttpAnswer } from "../../net/https/endpoint.ts";
import { field } from "../../net/https/fields.ts";
import { busyOrDown, type Meaning, meaningIn, refusedBy, unknownMeaning } from "../../net/https/refusals.ts";

const denied = {
  code: "permission_denied",
  why: "the login may not do this with this key, or there is no such key",
} as const;
const perimeter = {
  code: "permission_denied",
  why: "the service perimeter or a policy of the organization does not let this in",
} as const;
const badToken = { code: "unauthenticated", why: "it does not take the token" } as const;
const busy = busyOrDown[429];
const ailing = busyOrDown[500];

/** Meanings of `violations[].type` of a PreconditionFailure. */
const violations = {
  KEY_DISABLED: { code: "key_unusable", why: "the key version is disabled" },
  KEY_DESTROY_SCHEDULED: { code: "key_unusable", why: "the key version is scheduled for destruction" },
  KEY_DESTROYED: { code: "key_unusable", why: "the key version is destroyed" },
  KEY_PENDING_GENERATION: { code: "unreachable", why: "the key version is still being made" },
} as const satisfies Record<string, Meaning>;

/** Meanings of the `reason` of an ErrorInfo (google/api/error_reason.proto, and that of IAM). */
const reasons = {
  SERVICE_DISABLED: { code: "permission_denied", why: "the API is not enabled in the project" },
  BILLING_DISABLED: { code: "permission_denied", why: "billing is not enabled in the project" },
  CONSUMER_INVALID: { code: "permission_denied", why: "there is no such project, or it cannot be used" },
  CONSUMER_SUSPENDED: { code: "permission_denied", why: "the project is suspended" },
  USER_PROJECT_DENIED: {
    code: "permission_denied",
    why: "the login may not use the quota project; it needs serviceusage.services.use there",
  },
  ACCESS_TOKEN_SCOPE_INSUFFICIENT: {
    code: "permission_denied",
    why: "the token lacks the scope cloudkms; of a virtual machine, its access scopes do",
  },
  IAM_PERMISSION_DENIED: denied,
  SECURITY_POLICY_VIOLATED: perimeter,
  LOCATION_POLICY_VIOLATED: perimeter,
  ORG_RESTRICTION_VIOLATION: perimeter,
  ACCESS_TOKEN_EXPIRED: badToken,
  ACCESS_TOKEN_TYPE_UNSUPPORTED: badToken,
  CREDENTIALS_MISSING: badToken,
  ACCOUNT_STATE_INVALID: { code: "unauthenticated", why: "the service account is disabled or deleted" },
  RATE_LIMIT_EXCEEDED: busy,
  RESOURCE_QUOTA_EXCEEDED: busy,
} as const satisfies Record<string, Meaning>;

/** Meanings of `status`, a name of google.rpc.Code. */
const statuses = {
  INVALID_ARGUMENT: { code: "key_unusable", why: "the key cannot encrypt so; its purpose has to be ENCRYPT_DECRYPT" },
  FAILED_PRECONDITION: { code: "key_unusable", why: "the key version is disabled, destroyed or not ready" },
  NOT_FOUND: { code: "key_unknown", why: "there is no such key or version" },
  PERMISSION_DENIED: denied,
  UNAUTHENTICATED: badToken,
  RESOURCE_EXHAUSTED: busy,
  UNAVAILABLE: { code: "unreachable", why: "out of service" },
  DEADLINE_EXCEEDED: { code: "unreachable", why: "it took too long" },
  ABORTED: ailing,
  CANCELLED: ailing,
  DATA_LOSS: ailing,
  INTERNAL: ailing,
  UNKNOWN: ailing,
} as const satisfies Record<string, Meaning>;

/** Meanings of HTTP statuses without a `google.rpc.Status`: they come from a proxy in front of the API. */
const httpStatuses: Readonly<Record<number, Meaning | undefined>> = {
  ...busyOrDown,
  401: badToken,
  403: denied,
};

/** The error for an unsuccessful response. */
export function refusal(answer: HttpAnswer, action: string): KmsError {
  return toError(answer, action, meaning(answer));
}

/**
 * The same for decrypt, whose INVALID_ARGUMENT means that the key did not wrap these bytes, or not with this additional
 * authenticated data.
 */
export function unwrapRefusal(answer: HttpAnswer, action: string): KmsError {
  const bytes = answer.status === 400 && statusOf(answer.body) === "INVALID_ARGUMENT";
  const why = "these bytes were not wrapped by this key version";
  return toError(answer, action, bytes ? { code: "integrity", why } : meaning(answer));
}

function toError(answer: HttpAnswer, action: string, meaning: Meaning): KmsError {
  const retryAfterMs = answer.retryAfterMs ?? retryDelay(answer.body);
  return refusedBy("Cloud KMS", { status: answer.status, retryAfterMs }, meaning, action);
}

function meaning({ status, body }: HttpAnswer): Meaning {
  if (status < 400) return unknownMeaning(status);
  return meaningIn(violations, violationOf(body)) ?? meaningIn(reasons, reasonOf(body)) ??
    meaningIn(statuses, statusOf(body)) ?? httpStatuses[status] ?? unknownMeaning(status);
}

/** A name of google.rpc.Code; `undefined` if the response does not come from a Google API. */
export function statusOf(body: unknown): string | undefined {
  const status = field(field(body, "error"), "status");
  return typeof status === "string" ? status : undefined;
}

/** The `reason` of the ErrorInfo in a response. */
export function reasonOf(body: unknown): unknown {
  return field(detail(body, "ErrorInfo"), "reason");
}

function violationOf(body: unknown): unknown {
  const found = field(detail(body, "PreconditionFailure"), "violations");
  return field(Array.isArray(found) ? found[0] : undefined, "type");
}

/** The `retryDelay` of a RetryInfo in milliseconds, at most an hour. It is a duration in the form `1.5s`. */
function retryDelay(body: unknown): number | undefined {
  const delay = field(detail(body, "RetryInfo"), "retryDelay");
  const [, seconds] = typeof delay === "string" ? /^(\d{1,9}(?:\.\d{1,9})?)s$/.exec(delay) ?? [] : [];
  return seconds === undefined ? undefined : Math.min(Math.ceil(Number(seconds) * 1000), 3_600_000);
}

function detail(body: unknown, type: string): unknown {
  const details = field(field(body, "error"), "details");
  if (!Array.isArray(details)) return undefined;
  return details.find((one: unknown) => field(one, "@type") === `type.googleapis.com/google.rpc.${type}`);
}
