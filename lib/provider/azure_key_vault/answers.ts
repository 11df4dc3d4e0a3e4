/**
 * What Key Vault's errors mean, by HTTP status, `error.code` and `error.innererror.code`. Its texts are for people; they
 * are neither read nor repeated.
 *
 * @module
 */
import { type ErrorCode, KmsError } from "../../errors.ts";
import type { HttpAnswer } from "../https/endpoint.ts";
import { field } from "../https/fields.ts";

interface Meaning {
  readonly code: ErrorCode;
  /** What stands in brackets behind the status. */
  readonly why: string;
}

const denied = { code: "permission_denied", why: "the login may not do this with this key" } as const;
const shutOut = { code: "permission_denied", why: "the vault's network rules do not let this machine in" } as const;

/** `error.innererror.code`, which says more than the code above it. */
const innerCodes = {
  KeyDisabled: { code: "key_unusable", why: "the key version is disabled" },
  KeyExpired: { code: "key_unusable", why: "the key version has expired" },
  KeyNotYetValid: { code: "key_unusable", why: "the key version is not valid yet" },
  KeyOperationForbidden: { code: "key_unusable", why: "the key's permitted operations lack wrapKey or unwrapKey" },
  AccessDenied: denied,
  ForbiddenByPolicy: denied,
  ForbiddenByRbac: denied,
  ForbiddenByConnection: shutOut,
  ForbiddenByFirewall: shutOut,
} as const satisfies Record<string, Meaning>;

/** `error.code`. */
const codes = {
  BadParameter: { code: "key_unusable", why: "this kind of key cannot wrap with that algorithm" },
  KeyNotFound: { code: "key_unknown", why: "there is no such key or version" },
  ObjectIsBeingDeleted: { code: "key_unknown", why: "the key is being deleted" },
  ObjectIsDeletedButRecoverable: { code: "key_unknown", why: "the key is deleted, and can be recovered" },
  Throttled: { code: "throttled", why: "too many requests" },
} as const satisfies Record<string, Meaning>;

/** Statuses, where no code told more. */
const statuses: Readonly<Record<number, Meaning | undefined>> = {
  401: { code: "unauthenticated", why: "it does not take the token" },
  403: denied,
  408: { code: "unreachable", why: "request timeout" },
  429: { code: "throttled", why: "too many requests" },
  500: { code: "unreachable", why: "an error of its own" },
  502: { code: "unreachable", why: "bad gateway" },
  503: { code: "unreachable", why: "out of service" },
  504: { code: "unreachable", why: "gateway timeout" },
};

/** The error for an answer that is not the one asked for. */
export function refusal(answer: HttpAnswer, action: string): KmsError {
  return toError(answer, action, meaning(answer));
}

/**
 * The same for unwrapKey, where a 400 `BadParameter` is what Key Vault says of bytes that the key did not wrap.
 */
export function unwrapRefusal(answer: HttpAnswer, action: string): KmsError {
  const bytes = answer.status === 400 && errorCode(answer.body) === "BadParameter";
  const why = "these bytes were not wrapped by this key version";
  return toError(answer, action, bytes ? { code: "integrity", why } : meaning(answer));
}

/** Whether an answer leaves open what a 403 is for. */
export function unexplained(answer: HttpAnswer): boolean {
  return answer.status === 403 && innerCode(answer.body) === undefined;
}

/** The error for an answer whose shape we do not know. */
export function unacceptable(action: string, why: string): KmsError {
  return new KmsError("provider_protocol", `Cannot ${action}: ${why}.`);
}

function toError({ status, retryAfterMs }: HttpAnswer, action: string, { code, why }: Meaning): KmsError {
  const message = `Cannot ${action}: Key Vault answered ${status} (${why}).`;
  return new KmsError(code, message, retryAfterMs === undefined ? {} : { retryAfterMs });
}

function meaning({ status, body }: HttpAnswer): Meaning {
  const [inner, code] = [innerCode(body), errorCode(body)];
  if (status === 403 && inner !== undefined) return innerCodes[inner];
  if (status >= 400 && code !== undefined && Object.hasOwn(codes, code)) return codes[code as keyof typeof codes];
  const known = statuses[status];
  if (known !== undefined) return known;
  return status >= 500
    ? { code: "unreachable", why: "an error of its own" }
    : { code: "provider_protocol", why: "for a reason that Trousseau does not know" };
}

function errorCode(body: unknown): string | undefined {
  const code = field(field(body, "error"), "code");
  return typeof code === "string" ? code : undefined;
}

/** The first one known, from the outside in; the service spells the field in two ways. */
function innerCode(body: unknown): keyof typeof innerCodes | undefined {
  let at = field(body, "error");
  for (let depth = 0; depth < 4; depth++) {
    at = field(at, "innererror") ?? field(at, "innerError");
    const code = field(at, "code");
    if (typeof code === "string" && Object.hasOwn(innerCodes, code)) return code as keyof typeof innerCodes;
  }
  return undefined;
}
