/**
 * Error codes and gRPC statuses: one table for the way out, one for the way in.
 *
 * @module
 */
import { effectiveCode, type ErrorCode, KmsError, toKmsError } from "../../base/errors.ts";
import { type Status, statuses, type StatusName, statusName } from "./codes.ts";

/** The code that a client is told. `config` never reaches one; it has a row so that no code can be forgotten. */
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

/** What a status means when it comes from another process. A plugin that knows no codes answers UNKNOWN to everything. */
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

/** A status and its sentence. */
export interface RpcStatus {
  readonly code: Status;
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

/** A status that came from another process, as the `cause` of the error made from it. */
export class RpcFailure extends Error {
  override readonly name = "RpcFailure";
  readonly status: StatusName;
  /** Where no connection could be made: why, in our own words. What else is in the message comes from elsewhere. */
  readonly unconnected: string | undefined;

  constructor(status: StatusName, details: string, unconnected?: string) {
    super(details);
    this.status = status;
    this.unconnected = unconnected;
  }
}

/**
 * The error for a status that another process answered.
 *
 * @param action what could not be done, as in `call v2 Status on /run/kms.sock`.
 * @param unconnected why no connection could be made, if that is what it stands for.
 */
export function errorOfRpc(code: number, details: string, action: string, unconnected?: string): KmsError {
  // A status is a number from elsewhere: one that gRPC does not have says nothing.
  const name = statusName(code) ?? "UNKNOWN";
  const cause = new RpcFailure(name, details, unconnected);
  return new KmsError(codeOfStatus[name], `Cannot ${action}: ${name}: ${details}`, { cause });
}

/** Whether no process answered: the connection broke, or none could be made. */
export function isUnconnected(error: unknown): boolean {
  return error instanceof KmsError && error.cause instanceof RpcFailure && error.cause.unconnected !== undefined;
}

/** Whether another process answered that it knows no such call. */
export function isUnimplemented(error: unknown): boolean {
  return error instanceof KmsError && error.cause instanceof RpcFailure && error.cause.status === "UNIMPLEMENTED";
}
