/**
 * The exit statuses of every command. The numbers are those of BSD's `sysexits.h`, where it has them.
 *
 * @module
 */
import { effectiveCode, type ErrorCode, type KmsError } from "../base/errors.ts";

/** Every exit status, closed. Each program has a table of its own with their meanings. */
export const exitCodes = {
  /** All is well. */
  ok: { status: 0 },
  /** A condition does not hold. */
  unmet: { status: 1 },
  /** An unknown command, option or value. */
  usage: { status: 64 },
  /** A server cannot be reached. */
  unavailable: { status: 69 },
  /** A failure inside, or an answer that makes no sense. */
  internal: { status: 70 },
  /** A server refuses, or a credential for it cannot be read. */
  refused: { status: 77 },
  /** The configuration is wrong. */
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

/** The status that a code ends with. A missed quorum, where nothing else is known of it, is an outage. */
export function exitStatusOfCode(code: ErrorCode): ExitStatus {
  return exitCodes[exitOfCode[code]].status;
}

/** The status that a failure ends with; a missed quorum ends as its members did, if they agree. */
export function exitStatus(error: KmsError): ExitStatus {
  return exitStatusOfCode(effectiveCode(error));
}

/** The highest of several: a failure that can pass by itself has a lower number than one that an operator must cure. */
export function worst(statuses: Iterable<ExitStatus>): ExitStatus {
  let highest: ExitStatus = exitCodes.ok.status;
  for (const status of statuses) if (status > highest) highest = status;
  return highest;
}
