/**
 * Questions to the person at the terminal.
 *
 * @module
 */
import { orAborted } from "../../base/deadline.ts";
import { UsageError } from "../command.ts";
import type { ClectlCall } from "./options.ts";

/**
 * Asks a question on stderr that is answered by `y` or `yes`.
 *
 * @param instead the option that answers it, for a call without a terminal.
 * @throws {UsageError} if standard input is not a terminal.
 */
export async function confirmed({ terminal }: ClectlCall, question: string, instead: string): Promise<boolean> {
  const { input, stderr, signal } = terminal;
  if (!input.isTerminal) {
    throw new UsageError(`Cannot ask for a confirmation, since standard input is not a terminal: use ${instead}.`);
  }
  stderr.write(`${question} [y/N] `);
  const answer = new Uint8Array(64);
  const length = await orAborted(input.read(answer), signal, "read the answer");
  return /^y(es)?\s*$/i.test(new TextDecoder().decode(answer.subarray(0, length ?? 0)));
}
