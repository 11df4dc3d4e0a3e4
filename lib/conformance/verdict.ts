/**
 * Outcomes of a criterion other than success.
 *
 * @module
 */
import { KmsError } from "../base/errors.ts";

/** A criterion that does not hold. The message is the reason, as half a sentence. */
export class Unmet extends Error {
  override readonly name = "Unmet";
}

/** A criterion that could not be tried. The message is the reason. */
export class Untried extends Error {
  override readonly name = "Untried";
}

/** @throws {Unmet} if there is a complaint. */
export function meets(complaint: string | undefined): void {
  if (complaint !== undefined) throw new Unmet(complaint);
}

/** The description of a failed call: the message of the plugin, or the class of the error. */
export function failureText(thrown: unknown): string {
  return thrown instanceof KmsError ? thrown.message : thrown instanceof Error ? thrown.name : typeof thrown;
}
