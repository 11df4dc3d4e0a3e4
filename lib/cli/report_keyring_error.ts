/**
 * Errors of the keyring as the programs report them.
 *
 * @module
 */
import { KeyringError, problems } from "../api/keyring/problems.ts";
import type { ReportedError } from "./command.ts";
import { exitCodes, type ExitName } from "./exit_codes.ts";

const exitOfKind = {
  condition: "unmet",
  input: "usage",
  refused: "refused",
  unavailable: "unavailable",
  internal: "internal",
  configuration: "config",
} as const satisfies Record<(typeof problems)[keyof typeof problems]["kind"], ExitName>;

/** The code, the sentence and the exit status of a {@linkcode KeyringError}; `undefined` for any other error. */
export function reportKeyringError(thrown: unknown): ReportedError | undefined {
  if (!(thrown instanceof KeyringError)) return undefined;
  const { code, message } = thrown;
  // The mistakes of a policy stand on lines of their own.
  const [first = "", ...causes] = message.split("\n");
  return { code, message: first, causes, status: exitCodes[exitOfKind[problems[code].kind]].status };
}
