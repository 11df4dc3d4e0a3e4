/**
 * The meaning of errors of AWS KMS and AWS STS, from their codes and the HTTP status. Their texts are neither read nor
 * repeated.
 *
 * @module
 */
import { abortError } from "../../base/deadline.ts";
import { type ErrorCode, KmsError } from "../../base/errors.ts";
import { type HttpCall, retryAfter } from "../../net/https/endpoint.ts";
import { field } from "../../net/https/fields.ts";
import { busyOrDown, type Meaning, meaningIn, unknownMeaning } from "../../net/https/refusals.ts";
import { serverNow } from "../../net/https/server_time.ts";

const busy = busyOrDown[429];
const usedUp = { code: "throttled", why: "a quota is used up" } as const;
const broken = busyOrDown[500];
const store = { code: "unreachable", why: "the key store behind the key is out of service" } as const;
const unknownLogin = { code: "unauthenticated", why: "it does not know the access key" } as const;
const expired = { code: "unauthenticated", why: "the credentials have expired" } as const;
const badSignature = {
  code: "unauthenticated",
  why: "the secret access key is not the one of this access key, or the clocks differ",
} as const;

/**
 * The errors of the four operations in the API reference, those of all AWS services ("Common errors"), and the names
 * that older services use for both.
 */
export const awsErrorCodes = {
  AccessDeniedException: { code: "permission_denied", why: "the login may not do this with this key" },
  AccessDenied: { code: "permission_denied", why: "the login may not do this" },
  NotAuthorized: { code: "permission_denied", why: "the login may not do this" },
  NotAuthorizedException: { code: "permission_denied", why: "the login may not do this" },
  OptInRequired: { code: "permission_denied", why: "the account may not use this service" },
  NotFoundException: { code: "key_unknown", why: "there is no such key or alias" },
  InvalidArnException: { code: "key_unknown", why: "the name of the key is no ARN" },
  DisabledException: { code: "key_unusable", why: "the key is disabled" },
  KMSInvalidStateException: { code: "key_unusable", why: "the key's state does not allow it" },
  InvalidKeyUsageException: { code: "key_unusable", why: "the key is not one for encrypting and decrypting" },
  UnsupportedOperationException: { code: "key_unusable", why: "this kind of key cannot do that" },
  InvalidCiphertextException: { code: "integrity", why: "these bytes were not wrapped by this key with this context" },
  IncorrectKeyException: { code: "integrity", why: "these bytes were wrapped by another key" },
  KeyUnavailableException: { code: "unreachable", why: "the key cannot be had just now" },
  DependencyTimeoutException: { code: "unreachable", why: "a timeout inside" },
  KMSInternalException: broken,
  InternalFailure: broken,
  InternalError: broken,
  InternalServerError: broken,
  ServiceUnavailable: { code: "unreachable", why: "out of service" },
  ServiceUnavailableException: { code: "unreachable", why: "out of service" },
  RequestTimeout: { code: "unreachable", why: "request timeout" },
  RequestTimeoutException: { code: "unreachable", why: "request timeout" },
  CloudHsmClusterNotActiveException: store,
  CloudHsmClusterInvalidConfigurationException: store,
  CustomKeyStoreInvalidStateException: store,
  XksProxyUriUnreachableException: store,
  XksProxyInvalidResponseException: store,
  ThrottlingException: busy,
  Throttling: busy,
  ThrottledException: busy,
  RequestThrottled: busy,
  RequestThrottledException: busy,
  TooManyRequestsException: busy,
  RequestLimitExceeded: busy,
  SlowDown: busy,
  BandwidthLimitExceeded: busy,
  PriorRequestNotComplete: busy,
  LimitExceeded: usedUp,
  LimitExceededException: usedUp,
  ExpiredTokenException: expired,
  ExpiredToken: expired,
  RequestExpired: { code: "unauthenticated", why: "the request was too old; compare the clocks" },
  RequestInTheFuture: { code: "unauthenticated", why: "the request was dated ahead; compare the clocks" },
  RequestTimeTooSkewed: { code: "unauthenticated", why: "the clocks differ" },
  UnrecognizedClientException: unknownLogin,
  InvalidClientTokenId: unknownLogin,
  InvalidClientTokenIdException: unknownLogin,
  InvalidAccessKeyId: unknownLogin,
  InvalidSignatureException: badSignature,
  SignatureDoesNotMatch: badSignature,
  IncompleteSignature: badSignature,
  IncompleteSignatureException: badSignature,
  AuthFailure: unknownLogin,
  MissingAuthenticationToken: unknownLogin,
  MissingAuthenticationTokenException: unknownLogin,
} as const satisfies Record<string, Meaning>;

/** Additional errors of STS ("AssumeRole", "AssumeRoleWithWebIdentity"). A refusal means that the login failed. */
export const stsCodes = {
  AccessDenied: { code: "unauthenticated", why: "the role does not trust this login, or there is no such role" },
  AccessDeniedException: {
    code: "unauthenticated",
    why: "the role does not trust this login, or there is no such role",
  },
  InvalidIdentityToken: { code: "unauthenticated", why: "the token is not one of the issuer that the role trusts" },
  InvalidIdentityTokenException: {
    code: "unauthenticated",
    why: "the token is not one of the issuer that the role trusts",
  },
  ExpiredToken: expired,
  ExpiredTokenException: { code: "unauthenticated", why: "the token has expired" },
  IDPRejectedClaim: { code: "unauthenticated", why: "the role's issuer rejects the token" },
  IDPRejectedClaimException: { code: "unauthenticated", why: "the role's issuer rejects the token" },
  IDPCommunicationError: { code: "unreachable", why: "it cannot reach the token's issuer" },
  IDPCommunicationErrorException: { code: "unreachable", why: "it cannot reach the token's issuer" },
  RegionDisabledException: { code: "unauthenticated", why: "STS is not active in this Region for the account" },
  ValidationError: { code: "unauthenticated", why: "it does not take the role's ARN, the session's name or the token" },
  ValidationException: {
    code: "unauthenticated",
    why: "it does not take the role's ARN, the session's name or the token",
  },
} as const satisfies Record<string, Meaning>;

/** An error response, extracted from an error of the SDK. */
export interface AwsFailure {
  /** The error code of AWS; `undefined` if the response contains none. */
  readonly name: string | undefined;
  /** HTTP status. */
  readonly status: number;
  /** The pause that the response requests, in milliseconds. */
  readonly retryAfterMs: number | undefined;
}

/**
 * Extracts the response from an error of the SDK.
 *
 * @throws {KmsError} the reason if there was no response; any other error unchanged.
 */
export function failureOf(thrown: unknown, { signal, action }: HttpCall): AwsFailure {
  if (thrown instanceof KmsError) throw thrown;
  // The SDK itself ends a call when its signal is aborted.
  if (signal.aborted) throw abortError(signal, action);
  const status = field(field(thrown, "$metadata"), "httpStatusCode");
  if (!(thrown instanceof Error) || typeof status !== "number") throw thrown;
  const headers = field(field(thrown, "$response"), "headers");
  const header = textOf(headers, "retry-after");
  return {
    // Errors that were read from a response have `$fault`; others occurred while reading it.
    name: field(thrown, "$fault") === undefined ? undefined : nameOf(thrown),
    status,
    retryAfterMs: header !== undefined ? retryAfter(header, serverNow(textOf(headers, "date"))) : undefined,
  };
}

function textOf(headers: unknown, name: string): string | undefined {
  const value = field(headers, name);
  return typeof value === "string" ? value : undefined;
}

/** The error code of this program for an error of KMS. */
export function meaningOf(failure: AwsFailure): ErrorCode {
  return meaning(failure, awsErrorCodes).code;
}

/** The error for a response of KMS. */
export function refusal(failure: AwsFailure, action: string): KmsError {
  return toError("AWS KMS", failure, meaning(failure, awsErrorCodes), action);
}

/** The error for a response of STS. */
export function stsRefusal(failure: AwsFailure, action: string): KmsError {
  return toError("AWS STS", failure, meaning(failure, { ...awsErrorCodes, ...stsCodes }), action);
}

/** The name of the error. The SDK uses its class or, if it has none for the error, the code in the response. */
function nameOf(thrown: Error): string | undefined {
  return /^[A-Za-z.]{1,64}$/.test(thrown.name) ? thrown.name : undefined;
}

function toError(
  server: string,
  { name, status, retryAfterMs }: AwsFailure,
  { code, why }: Meaning,
  action: string,
): KmsError {
  const known = meaningIn(awsErrorCodes, name) !== undefined || meaningIn(stsCodes, name) !== undefined;
  const reply = known ? `${status} ${name}` : `${status}`;
  const message = `Cannot ${action}: ${server} answered ${reply} (${why}).`;
  return new KmsError(code, message, retryAfterMs === undefined ? {} : { retryAfterMs });
}

function meaning({ name, status }: AwsFailure, codes: Readonly<Record<string, Meaning>>): Meaning {
  const known = meaningIn(codes, name);
  if (known !== undefined) return known;
  if (status === 429) return busy;
  if (status === 408) return busyOrDown[408];
  if (status === 401) return unknownLogin;
  if (status === 403) return { code: "permission_denied", why: "without saying why" };
  return unknownMeaning(status);
}
