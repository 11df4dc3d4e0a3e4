/**
 * The conversion between error codes and gRPC statuses: one table for each direction.
 *
 * @module
 */
import { effectiveCode, type ErrorCode, KmsError, toKmsError } from "../../base/errors.ts";
import { type Status, statuses, type StatusName, statusName } from "./codes.ts";

/** The status of an answer with an error. `config` is never sent; the type requires a row for each code. */
const statusOfCode = {
  request_invalid: statuses.INVALID_ARGUMENT,
  integrity: statuses.INVALID_ARGUMENT,
  key_unknown: statuses.NOT_FOUND,
  key_unusable: statuses.FAILED_PRECONDITION,
  unauthenticated: statuses.UNAUTHENTICATED,
  permission_denied: statuses.PERMISSION_DENIED,
  throttled: statuses.RESOURCE_EXHAUSTED,
  unreachable: statuses.UNAVAILABLE,
  deadline_exceeded: statuses.DEADLINE_EXCEEDED,
  cancelled: statuses.CANCELLED,
  quorum_not_reached: statuses.UNAVAILABLE,
  provider_protocol: statuses.INTERNAL,
  internal: statuses.INTERNAL,
  config: statuses.INTERNAL,
} as const satisfies Record<ErrorCode, Status>;

/** The error code for a status from another process. Many plugins answer every error with UNKNOWN. */
const codeOfStatus = {
  OK: "internal",
  CANCELLED: "cancelled",
  UNKNOWN: "provider_protocol",
  INVALID_ARGUMENT: "request_invalid",
  DEADLINE_EXCEEDED: "deadline_exceeded",
  NOT_FOUND: "key_unknown",
  ALREADY_EXISTS: "provider_protocol",
  PERMISSION_DENIED: "permission_denied",
  RESOURCE_EXHAUSTED: "throttled",
  FAILED_PRECONDITION: "key_unusable",
  ABORTED: "provider_protocol",
  OUT_OF_RANGE: "request_invalid",
  UNIMPLEMENTED: "provider_protocol",
  INTERNAL: "provider_protocol",
  UNAVAILABLE: "unreachable",
  DATA_LOSS: "integrity",
  UNAUTHENTICATED: "unauthenticated",
} as const satisfies Record<StatusName, ErrorCode>;

/** A status and its message. */
export interface RpcStatus {
  readonly code: Status;
  readonly details: string;
}

// The longest message in UTF-16 units. It is sent percent-encoded in one HTTP/2 trailer. A lone surrogate cannot be
// encoded.
const maxDetails = 1000;

/**
 * The status for an error that a handler has thrown.
 *
 * @param uid the name of the request in our log. The message of an `internal` error holds it, and no details.
 */
export function rpcStatus(thrown: unknown, uid: string): RpcStatus {
  const error = toKmsError(thrown);
  const details = error.code === "internal"
    ? `Trousseau failed in a way that it does not know; its log has more under uid ${uid}.`
    : error.message;
  return { code: statusOfCode[effectiveCode(error)], details: details.slice(0, maxDetails).toWellFormed() };
}

/** A status from another process: the `cause` of the error made from it. */
export class RpcFailure extends Error {
  override readonly name = "RpcFailure";
  readonly status: StatusName;
  /** The reason why no connection could be made, in our own words; `undefined` if another process sent the status. */
  readonly unconnected: string | undefined;

  constructor(status: StatusName, details: string, unconnected?: string) {
    super(details);
    this.status = status;
    this.unconnected = unconnected;
  }
}

/**
 * Makes the error for a status from another process.
 *
 * @param action the failed action, as in `call v2 Status on /run/kms.sock`.
 * @param unconnected the reason why no connection could be made; left out if another process sent the status.
 */
export function errorOfRpc(code: number, details: string, action: string, unconnected?: string): KmsError {
  // The number comes from another process. A number that gRPC does not define counts as UNKNOWN.
  const name = statusName(code) ?? "UNKNOWN";
  const cause = new RpcFailure(name, details, unconnected);
  return new KmsError(codeOfStatus[name], `Cannot ${action}: ${name}: ${details}`, { cause });
}

/** Whether no process answered: the connection broke, or none could be made. */
export function isUnconnected(error: unknown): boolean {
  return error instanceof KmsError && error.cause instanceof RpcFailure && error.cause.unconnected !== undefined;
}

/** Whether another process answered UNIMPLEMENTED. */
export function isUnimplemented(error: unknown): boolean {
  return error instanceof KmsError && error.cause instanceof RpcFailure && error.cause.status === "UNIMPLEMENTED";
}
