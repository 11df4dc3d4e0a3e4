/**
 * Error codes and gRPC statuses: one table for the way out, one for the way in.
 *
 * @module
 */
import { status } from "@grpc/grpc-js";
import { effectiveCode, type ErrorCode, KmsError, toKmsError } from "../errors.ts";

/** The code that a client is told. `config` never reaches one; it has a row so that no code can be forgotten. */
const statusOfCode = {
  request_invalid: status.INVALID_ARGUMENT,
  integrity: status.INVALID_ARGUMENT,
  key_unknown: status.NOT_FOUND,
  key_unusable: status.FAILED_PRECONDITION,
  unauthenticated: status.UNAUTHENTICATED,
  permission_denied: status.PERMISSION_DENIED,
  throttled: status.RESOURCE_EXHAUSTED,
  unreachable: status.UNAVAILABLE,
  deadline_exceeded: status.DEADLINE_EXCEEDED,
  cancelled: status.CANCELLED,
  quorum_not_reached: status.UNAVAILABLE,
  provider_protocol: status.INTERNAL,
  internal: status.INTERNAL,
  config: status.INTERNAL,
} as const satisfies Record<ErrorCode, status>;

/** What a status means when it comes from another process. A plugin that knows no codes answers UNKNOWN to everything. */
const codeOfStatus = {
  [status.OK]: "internal",
  [status.CANCELLED]: "cancelled",
  [status.UNKNOWN]: "provider_protocol",
  [status.INVALID_ARGUMENT]: "request_invalid",
  [status.DEADLINE_EXCEEDED]: "deadline_exceeded",
  [status.NOT_FOUND]: "key_unknown",
  [status.ALREADY_EXISTS]: "provider_protocol",
  [status.PERMISSION_DENIED]: "permission_denied",
  [status.RESOURCE_EXHAUSTED]: "throttled",
  [status.FAILED_PRECONDITION]: "key_unusable",
  [status.ABORTED]: "provider_protocol",
  [status.OUT_OF_RANGE]: "request_invalid",
  [status.UNIMPLEMENTED]: "provider_protocol",
  [status.INTERNAL]: "provider_protocol",
  [status.UNAVAILABLE]: "unreachable",
  [status.DATA_LOSS]: "integrity",
  [status.UNAUTHENTICATED]: "unauthenticated",
} as const satisfies Record<status, ErrorCode>;

/** A status and its sentence, as grpc-js sends them. */
export interface RpcStatus {
  readonly code: status;
  readonly details: string;
}

// The message travels percent-encoded in one HTTP/2 trailer, and a lone surrogate cannot be encoded at all.
const maxDetails = 1000;

/**
 * What a client is told about whatever a handler threw.
 *
 * @param uid names the request in our log; only an `internal` error mentions it, and nothing else.
 */
export function rpcStatus(thrown: unknown, uid: string): RpcStatus {
  const error = toKmsError(thrown);
  const details = error.code === "internal"
    ? `Trousseau failed in a way that it does not know; its log has more under uid ${uid}.`
    : error.message;
  return { code: statusOfCode[effectiveCode(error)], details: details.slice(0, maxDetails).toWellFormed() };
}

/** The name of a gRPC status, such as `UNIMPLEMENTED`. */
export type StatusName = keyof typeof status;

/** A status that came from another process, as the `cause` of the error made from it. */
export class RpcFailure extends Error {
  override readonly name = "RpcFailure";
  readonly status: StatusName;
  /** Where no connection could be made: why, in our own words. What else is in the message comes from elsewhere. */
  readonly unconnected: string | undefined;

  constructor(code: status, details: string, unconnected?: string) {
    super(details);
    this.status = status[code] as StatusName;
    this.unconnected = unconnected;
  }
}

/**
 * The error for a status that another process answered.
 *
 * @param action what could not be done, as in `call v2 Status on /run/kms.sock`.
 * @param unconnected why no connection could be made, if that is what it stands for.
 */
export function errorOfRpc(code: status, details: string, action: string, unconnected?: string): KmsError {
  // A status is a number from elsewhere: one that gRPC does not have says nothing.
  if (status[code] === undefined) return errorOfRpc(status.UNKNOWN, details, action, unconnected);
  const failure = new RpcFailure(code, details, unconnected);
  return new KmsError(codeOfStatus[code], `Cannot ${action}: ${failure.status}: ${details}`, { cause: failure });
}

/** Whether no process answered: the connection broke, or none could be made. */
export function isUnconnected(error: unknown): boolean {
  return error instanceof KmsError && error.cause instanceof RpcFailure && error.cause.unconnected !== undefined;
}

/** Whether another process answered that it knows no such call. */
export function isUnimplemented(error: unknown): boolean {
  return error instanceof KmsError && error.cause instanceof RpcFailure && error.cause.status === "UNIMPLEMENTED";
}
