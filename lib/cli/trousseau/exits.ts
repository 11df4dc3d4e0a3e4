/**
 * The meanings of the exit statuses of `trousseau`, for its help.
 *
 * @module
 */
import { exitCodes, type ExitName } from "../exit_codes.ts";
import type { ExitRow } from "../command.ts";

/** Every exit status. */
export const exits = {
  ok: {
    ...exitCodes.ok,
    meaning: "all is well",
    cure: "nothing",
  },
  unmet: {
    ...exitCodes.unmet,
    meaning: "a plugin, a node or data was examined, and something does not hold",
    cure: "read the rows that fail; a must is what kube-apiserver relies on",
  },
  usage: {
    ...exitCodes.usage,
    meaning: "an unknown command, option or value",
    cure: "read the sentence on stderr, and trousseau help COMMAND",
  },
  data: {
    ...exitCodes.data,
    meaning: "a file is no intact snapshot",
    cure: "take another copy of the snapshot, and verify each one when it is made",
  },
  unavailable: {
    ...exitCodes.unavailable,
    meaning: "the KMS or the plugin cannot be reached",
    cure: "see whether the KMS or the plugin runs and is reached: trousseau status, trousseau check",
  },
  internal: {
    ...exitCodes.internal,
    meaning: "a failure inside, or an answer that makes no sense",
    cure: "for an answer that makes no sense, look at what answers there; report a failure inside",
  },
  refused: {
    ...exitCodes.refused,
    meaning: "the KMS refuses, or a credential for it cannot be read",
    cure: "look at the login, its policy and the state of the key in the KMS: trousseau check",
  },
  config: {
    ...exitCodes.config,
    meaning: "the configuration is wrong, or the socket is in use",
    cure: "mend the file at the line that is named, or end what holds the socket",
  },
} as const satisfies Readonly<Record<ExitName, ExitRow>>;
