/**
 * The work of Vault's routes by which clients find out about the mount.
 *
 * @module
 */
import { KeyringError } from "../../../../api/keyring/problems.ts";
import { secretLimits } from "../../../../api/keyring/fields.ts";
import type { OperationCall, OperationResult } from "../operation.ts";
import { vaultData } from "./answers.ts";

const mountFacts = {
  accessor: "",
  config: { default_lease_ttl: 0, force_no_cache: false, max_lease_ttl: 0 },
  description: "Trousseau keyring",
  external_entropy_access: false,
  local: false,
  options: { version: "2" },
  seal_wrap: false,
  type: "kv",
  uuid: "",
} as const;

/** `GET M/config` */
export function kvConfig({ requestId }: OperationCall): Promise<OperationResult> {
  const data = { cas_required: false, delete_version_after: "0s", max_versions: secretLimits.keptVersions };
  return Promise.resolve({ answer: vaultData(requestId, data), audited: [{}] });
}

/** `GET sys/internal/ui/mounts` */
export function vaultMounts(mount: string): (call: OperationCall) => Promise<OperationResult> {
  return ({ requestId }) => {
    const data = { auth: {}, secret: { [`${mount}/`]: mountFacts } };
    return Promise.resolve({ answer: vaultData(requestId, data), audited: [{}] });
  };
}

/** `GET sys/internal/ui/mounts/P`: the mount of a path. */
export function vaultMountOf(mount: string): (call: OperationCall<string>) => Promise<OperationResult> {
  return ({ path, requestId }) => {
    if (path !== mount && !path.startsWith(`${mount}/`)) {
      throw new KeyringError("forbidden", `There is no such mount; the only one is ${mount}/.`);
    }
    return Promise.resolve({ answer: vaultData(requestId, { ...mountFacts, path: `${mount}/` }), audited: [{}] });
  };
}
