/**
 * A step that a check leaves out.
 *
 * @module
 */
import { KmsError } from "../base/errors.ts";

/**
 * Thrown instead of a login that would spend a credential which the next start needs. It is no failure: the message
 * names the check that was made in its place. Only a provider opened with `keepsStateAsItIs` throws it.
 */
export class NotTried extends KmsError {
  constructor(message: string) {
    super("unauthenticated", message);
  }
}
