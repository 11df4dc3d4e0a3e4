/**
 * The status codes of gRPC by name.
 *
 * Source: "Status codes and their use in gRPC" of the gRPC project.
 *
 * @module
 */
import type { status } from "@grpc/grpc-js";

/** Each name and its number on the wire. The type requires the same set as in grpc-js. */
export const statuses = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const satisfies { readonly [Name in keyof typeof status]: (typeof status)[Name] };

/** The name of a gRPC status, such as `UNIMPLEMENTED`. */
export type StatusName = keyof typeof statuses;

/** The number of a gRPC status. */
export type Status = typeof statuses[StatusName];

const names = new Map<number, StatusName>(Object.entries(statuses).map(([name, code]) => [code, name as StatusName]));

/** The name of a status number; `undefined` if gRPC does not define the number. */
export function statusName(code: number): StatusName | undefined {
  return names.get(code);
}
