/**
 * The rows of the commands about the server.
 *
 * @module
 */
import { type ClectlCommand, usualOptions } from "./clectl_command.ts";

/** The row `health`, which is the first of the help. */
export const healthRow = {
  name: "health",
  summary: "show each part of the server with its reason",
  description: "Ends with 69 if a part has failed or the server cannot be reached.",
  positionals: [],
  options: ["wait", "strict", "quiet", ...usualOptions],
  examples: [
    { line: "clectl health --wait 10s", does: "wait until the server is well" },
    { line: "clectl health --strict --quiet", does: "for a monitor" },
  ],
  run: async (call) => (await import("../commands/health.ts")).health(call),
} as const satisfies ClectlCommand;

/** The table, in the order of the help. */
export const serverRows = [
  {
    name: "policy get",
    summary: "print the policy",
    description: "As it was set, with its comments.",
    positionals: [],
    options: usualOptions,
    examples: [{ line: "clectl policy get > policy.yaml", does: "to change it" }],
    run: async (call) => (await import("../commands/server.ts")).getPolicy(call),
  },
  {
    name: "policy set",
    summary: "replace the policy",
    description: "YAML or JSON. A right that the caller lacks cannot be granted.",
    positionals: [{ name: "FILE", files: true }],
    options: ["cas", "quiet", ...usualOptions],
    examples: [{ line: "clectl policy set policy.yaml --cas 3", does: "fail if the policy has changed since" }],
    run: async (call) => (await import("../commands/server.ts")).setPolicy(call),
  },
  {
    name: "audit key",
    summary: "print the public key of the audit's signatures",
    description: "Keep it where the server cannot change it.",
    positionals: [],
    options: usualOptions,
    examples: [{ line: "clectl audit key > audit.pem", does: "for audit verify" }],
    run: async (call) => (await import("../commands/server.ts")).auditKey(call),
  },
  {
    name: "audit head",
    summary: "print the number and the hash of the newest line",
    description: "Kept elsewhere, it shows later that no line before it was changed or cut off.",
    positionals: [],
    options: usualOptions,
    examples: [{ line: "clectl audit head", does: "number, hash and time" }],
    run: async (call) => (await import("../commands/server.ts")).auditHead(call),
  },
  {
    name: "audit verify",
    summary: "verify the chain and the signatures of an audit, without a server",
    description:
      "Files in the order in which they were written. Ends with 1 at the first line that does not verify. Without --head, " +
      "missing lines at the end are not noticed.",
    positionals: [{ name: "FILE", many: true, files: true }],
    options: ["key", "head", "json", "quiet"],
    examples: [{ line: "clectl audit verify audit.jsonl --key audit.pem", does: "with the key of audit key" }],
    run: async (call) => (await import("../commands/audit_verify.ts")).auditVerify(call),
  },
  {
    name: "backup",
    summary: "fetch a sealed backup of the store",
    description:
      "It opens with the KMS of the store, or the recovery key; without either it is refused with 78. The file is " +
      "complete or absent.",
    positionals: [],
    options: ["to", "key-file-kept-elsewhere", "context", "timeout"],
    examples: [{ line: "clectl backup --to keyring.backup", does: "into a file of mode 0600" }],
    run: async (call) => (await import("../commands/server.ts")).backup(call),
  },
] as const satisfies readonly ClectlCommand[];
