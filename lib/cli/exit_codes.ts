/**
 * What the exit status of every command means. The numbers are those of BSD's `sysexits.h`, where it has them.
 *
 * @module
 */
import { effectiveCode, type ErrorCode, type KmsError } from "../base/errors.ts";

/** Every way to end, closed: help prints it, and nothing else is ever returned. */
export const exitCodes = {
  ok: {
    status: 0,
    meaning: "all is well",
    cure: "nothing",
  },
  unmet: {
    status: 1,
    meaning: "a plugin was tried, and something does not hold",
    cure: "read the rows that fail; a must is what kube-apiserver relies on",
  },
  usage: {
    status: 64,
    meaning: "an unknown command, option or value",
    cure: "read the sentence on stderr, and trousseau help COMMAND",
  },
  unavailable: {
    status: 69,
    meaning: "the KMS or the plugin cannot be reached",
    cure: "see whether the KMS or the plugin runs and is reached: trousseau status, trousseau check",
  },
  internal: {
    status: 70,
    meaning: "a failure inside, or an answer that makes no sense",
    cure: "for an answer that makes no sense, look at what answers there; report a failure inside",
  },
  refused: {
    status: 77,
    meaning: "the KMS refuses, or a credential for it cannot be read",
    cure: "look at the login, its policy and the state of the key in the KMS: trousseau check",
  },
  config: {
    status: 78,
    meaning: "the configuration is wrong, or the socket is in use",
    cure: "mend the file at the line that is named, or end what holds the socket",
  },
} as const satisfies Record<string, { readonly status: number; readonly meaning: string; readonly cure: string }>;

/** A row of {@linkcode exitCodes}. */
export type ExitName = keyof typeof exitCodes;

/** What a command may return. */
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

/** The worst of several: the highest, since what may heal by itself has lower numbers than what an operator must mend. */
export function worst(statuses: Iterable<ExitStatus>): ExitStatus {
  let highest: ExitStatus = exitCodes.ok.status;
  for (const status of statuses) if (status > highest) highest = status;
  return highest;
}
