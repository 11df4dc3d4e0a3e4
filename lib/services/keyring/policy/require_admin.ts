/**
 * The check that an identity is an administrator.
 *
 * @module
 */
import { folderPath } from "../../../api/keyring/paths.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { Identity } from "./identity.ts";
import type { Policy } from "./policy.ts";
import { allows } from "./rights.ts";

/**
 * @param action the end of `Cannot …`, for instance `set the policy`.
 * @throws {KeyringError} `forbidden`
 */
export function requireAdmin(policy: Policy, by: Identity, action: string): void {
  if (allows(policy, by, "admin", folderPath(""))) return;
  throw new KeyringError("forbidden", `Cannot ${action}: ${by.name} does not have the verb admin.`);
}
