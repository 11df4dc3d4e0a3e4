/**
 * The program `trousseau`: the plugin, the key service for SOPS, and the operator's commands.
 *
 * @module
 */
import type { Program } from "../command.ts";
import { defineProgram } from "../program.ts";
import { SnapshotError } from "../../cluster/snapshot/snapshot_error.ts";
import { exitCodes } from "../exit_codes.ts";
import { reportKeyringError } from "../report_keyring_error.ts";
import { commands } from "./commands.ts";
import { exits } from "./exits.ts";
import { habits } from "./habits.ts";
import { topics } from "./help_topics.ts";
import { options } from "./options.ts";
import type { Terminal } from "./terminal.ts";

/** The definition of `trousseau`. */
export const trousseau: Program<Terminal> = defineProgram<typeof options, Terminal>({
  name: "trousseau",
  commands,
  options,
  freeOptions: ["config", "help", "version"],
  topics,
  exits,
  habits,
  reportError: (thrown) =>
    thrown instanceof SnapshotError
      ? { code: thrown.code, message: thrown.message, causes: [], status: exitCodes.data.status }
      : reportKeyringError(thrown),
  links: { trousseaud: ["keyring", "serve"] },
  firstPage: {
    about: "Trousseau lets a Kubernetes API server encrypt what it stores with keys that never leave a key " +
      "management service (KMS): a KMS plugin for one or more of them.",
    paragraphs: [
      [
        "Configuration",
        "The file of --config, else the one that the variable TROUSSEAU_CONFIG names, else " +
        "/etc/trousseau/trousseau.yaml if it is there, else an embedded default with one local key, to try it.",
      ],
    ],
    examples: [
      { line: "trousseau serve", does: "try it with a local key" },
      { line: "trousseau encryption-config", does: "what kube-apiserver needs for it" },
      { line: "trousseau help check", does: "explain a command" },
    ],
  },
  async logRun(command, call) {
    // Loaded on demand, because most calls log nothing.
    if (call.options["log-level"] === undefined) return () => {};
    return await (await import("./command_log.ts")).logRun(command, call);
  },
});
