/**
 * Failures that can end by themselves.
 *
 * @module
 */
import { KmsError } from "../../../base/errors.ts";
import { KeyringError, problems } from "../../../api/keyring/problems.ts";

/** Whether the same request can succeed later: the server is away, or cannot answer now. */
export function isTemporary(thrown: unknown): boolean {
  if (thrown instanceof KeyringError) return problems[thrown.code].kind === "unavailable";
  return thrown instanceof KmsError && (thrown.code === "unreachable" || thrown.code === "deadline_exceeded");
}
