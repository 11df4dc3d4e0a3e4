/**
 * The program `clectl`, the client of the keyring. It loads no code of the plugin, its providers or a KMS.
 *
 * @module
 */
import type { Program } from "../command.ts";
import { errorTopic } from "../error_topic.ts";
import { exitCodes } from "../exit_codes.ts";
import { exitCodesTopic } from "../exit_topic.ts";
import { defineProgram } from "../program.ts";
import { completionsCommand, versionCommand } from "../shared_commands.ts";
import { clectlExits } from "./exits.ts";
import { clectlHabits } from "./habits.ts";
import { clectlOptions } from "./options.ts";
import { reportKeyringError } from "../report_keyring_error.ts";
import type { ClectlCommand } from "./rows/clectl_command.ts";
import { peopleRows } from "./rows/people_rows.ts";
import { secretRows } from "./rows/secret_rows.ts";
import { healthRow, serverRows } from "./rows/server_rows.ts";
import type { ClectlTerminal } from "./terminal.ts";

const commands = [
  healthRow,
  ...secretRows,
  ...peopleRows,
  ...serverRows,
  completionsCommand("clectl"),
  {
    ...versionCommand("clectl", "clectl"),
    run: async (call) => {
      const { printVersion, versionDocument } = await import("../version.ts");
      // YAML is a format of this program alone.
      const isPrinted = await (await import("./output/print.ts")).printedDocument(call, await versionDocument());
      return isPrinted ? exitCodes.ok.status : await printVersion({ ...call, options: {} });
    },
  },
  {
    name: "help",
    summary: "explain a command, or a topic",
    description: "Without a word it lists all commands and topics, and what the exit statuses mean.",
    positionals: [{ name: "COMMAND|TOPIC", optional: true, command: true }],
    options: [],
    examples: [
      { line: "clectl help create", does: "the same as clectl create --help" },
      { line: "clectl help error clectl-login", does: "causes and cures of the failures of an area, by its anchor" },
      { line: "clectl help exit-codes", does: "the exit statuses, and what to do about them" },
    ],
    run: async (call) => (await import("../help.ts")).help(call),
  },
] as const satisfies readonly ClectlCommand[];

/** The definition of `clectl`. */
export const clectl: Program<ClectlTerminal> = defineProgram<typeof clectlOptions, ClectlTerminal>({
  name: "clectl",
  commands,
  options: clectlOptions,
  freeOptions: ["help", "version"],
  topics: { "error": errorTopic, "exit-codes": exitCodesTopic },
  exits: clectlExits,
  habits: clectlHabits,
  links: {},
  reportError: reportKeyringError,
  firstPage: {
    about: "clectl stores, generates and reads the secrets of a keyring server (trousseaud).",
    paragraphs: [
      [
        "Server",
        "--context NAME, else CLECTL_ADDRESS (unix:///PATH or https://HOST:PORT), else CLECTL_CONTEXT, else the current " +
        "context of clectl context use, else the socket unix:///run/trousseaud/admin/admin.sock.",
      ],
    ],
    examples: [
      { line: "clectl health --wait 10s", does: "see whether the server is well" },
      { line: "clectl create db/prod/john --field password", does: "store a value; the prompt asks for it" },
      { line: "clectl generate db/prod/app --field password --length 32", does: "make a value that nobody sees" },
      { line: "clectl get db/prod/john --field password --show", does: "read a value" },
    ],
  },
});
