/**
 * The exit statuses of all commands. The numbers come from BSD's `sysexits.h` where it has a suitable one.
 *
 * @module
 */
import { effectiveCode, type ErrorCode, type KmsError } from "../base/errors.ts";

/** All exit statuses. Each program has its own table with their meanings. */
export const exitCodes = {
  /** Success. */
  ok: { status: 0 },
  /** A condition does not hold. */
  unmet: { status: 1 },
  /** An unknown command, option or value. */
  usage: { status: 64 },
  /** A file is not what it should be, or it is damaged. */
  data: { status: 65 },
  /** A server cannot be reached. */
  unavailable: { status: 69 },
  /** An internal failure, or an invalid response. */
  internal: { status: 70 },
  /** A server refuses the request, or a credential for it cannot be read. */
  refused: { status: 77 },
  /** The configuration is invalid. */
  config: { status: 78 },
} as const satisfies Readonly<Record<string, { readonly status: number }>>;

/** A row of {@linkcode exitCodes}. */
export type ExitName = keyof typeof exitCodes;

/** An exit status that a command can return. */
export type ExitStatus = (typeof exitCodes)[ExitName]["status"];

const exitOfCode = {
  request_invalid: "internal",
  integrity: "internal",
  key_unknown: "refused",
  key_unusable: "refused",
  unauthenticated: "refused",
  permission_denied: "refused",
  throttled: "unavailable",
  unreachable: "unavailable",
  deadline_exceeded: "unavailable",
  cancelled: "unavailable",
  quorum_not_reached: "unavailable",
  provider_protocol: "internal",
  internal: "internal",
  config: "config",
} as const satisfies Record<ErrorCode, ExitName>;

/** The exit status for an error code. A missed quorum without further information is an outage. */
export function exitStatusOfCode(code: ErrorCode): ExitStatus {
  return exitCodes[exitOfCode[code]].status;
}

/** The exit status for an error. A missed quorum has the status of its members' errors if they are equal. */
export function exitStatus(error: KmsError): ExitStatus {
  return exitStatusOfCode(effectiveCode(error));
}

/** The highest exit status. A temporary failure has a lower number than one that an operator must repair. */
export function worst(statuses: Iterable<ExitStatus>): ExitStatus {
  let highest: ExitStatus = exitCodes.ok.status;
  for (const status of statuses) if (status > highest) highest = status;
  return highest;
}
