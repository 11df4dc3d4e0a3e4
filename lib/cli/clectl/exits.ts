/**
 * The meanings of the exit statuses of `clectl`, for its help.
 *
 * @module
 */
import type { ExitRow } from "../command.ts";
import { exitCodes, type ExitName } from "../exit_codes.ts";

/** Every exit status. */
export const clectlExits = {
  ok: { ...exitCodes.ok, meaning: "all is well", cure: "nothing" },
  unmet: {
    ...exitCodes.unmet,
    meaning: "a condition does not hold: the path exists, is absent or deleted, or has another version",
    cure: "read the sentence on stderr, and clectl history PATH",
  },
  usage: {
    ...exitCodes.usage,
    meaning: "an unknown command, option or value, or input that is refused",
    cure: "read the sentence on stderr, and clectl help COMMAND",
  },
  unavailable: {
    ...exitCodes.unavailable,
    meaning: "the server cannot be reached, or cannot answer now",
    cure: "look at clectl health, and at the log of trousseaud",
  },
  internal: {
    ...exitCodes.internal,
    meaning: "a failure inside, or an answer that makes no sense",
    cure: "for an answer that makes no sense, look at what answers there; report a failure inside",
  },
  refused: {
    ...exitCodes.refused,
    meaning: "the server refuses the identity, the policy refuses the request, or the server is not trusted",
    cure: "look at clectl whoami and clectl can; log in again; compare the fingerprint",
  },
  config: {
    ...exitCodes.config,
    meaning:
      "the address, the context or a file of clectl's own is wrong, or the server's configuration forbids the work",
    cure: "mend what the sentence names: clectl context list; the server's providers for a backup",
  },
} as const satisfies Readonly<Partial<Record<ExitName, ExitRow>>>;
