/**
 * The error of a step that a check omits.
 *
 * @module
 */
import { KmsError } from "../base/errors.ts";

/**
 * Thrown instead of a login that would use up a credential which the next start needs. It is not a failure: the message
 * names the check that was made instead. Only a provider opened with `readOnlyState` throws it.
 */
export class NotTried extends KmsError {
  constructor(message: string) {
    super("unauthenticated", message);
  }
}
