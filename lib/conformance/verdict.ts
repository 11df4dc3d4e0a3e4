/**
 * How a try ends where it does not simply hold.
 *
 * @module
 */
import { KmsError } from "../base/errors.ts";

/** A criterion that does not hold, and why: half a sentence. */
export class Unmet extends Error {
  override readonly name = "Unmet";
}

/** A criterion that could not be tried, and why. */
export class Untried extends Error {
  override readonly name = "Untried";
}

/** Goes on if a complaint has not been made. */
export function meets(complaint: string | undefined): void {
  if (complaint !== undefined) throw new Unmet(complaint);
}

/** How a failure of a call is told: by the status and the words of the plugin. */
export function told(thrown: unknown): string {
  return thrown instanceof KmsError ? thrown.message : thrown instanceof Error ? thrown.name : typeof thrown;
}
