/**
 * The program `clectl`, the client for laptops. It loads no code of the plugin, its providers or a KMS.
 *
 * @module
 */
import type { Command, Program } from "../command.ts";
import { exitCodesTopic } from "../exit_topic.ts";
import { exitCodes } from "../exit_codes.ts";
import { type OptionTable, sharedOptions, type ValuesOf } from "../options.ts";
import { defineProgram } from "../program.ts";
import { completionsCommand, versionCommand } from "../shared_commands.ts";
import type { Streams } from "../terminal.ts";

const options = {
  json: sharedOptions.json,
  format: sharedOptions.format,
  version: sharedOptions.version,
  help: sharedOptions.help,
} as const satisfies OptionTable;

/** A row of the table of `clectl`. */
export type ClectlCommand = Command<ValuesOf<typeof options>, Streams, keyof typeof options>;

const commands = [
  completionsCommand("clectl"),
  versionCommand("clectl", "clectl"),
  {
    name: "help",
    summary: "explain a command, or a topic",
    description: "Without a word it lists all commands and topics, and what the exit statuses mean.",
    positionals: [{ name: "COMMAND|TOPIC", optional: true, command: true }],
    options: [],
    examples: [
      { line: "clectl help completions", does: "the same as clectl completions --help" },
      { line: "clectl help exit-codes", does: "the exit statuses, and what to do about them" },
    ],
    run: async (call) => (await import("../help.ts")).help(call),
  },
] as const satisfies readonly ClectlCommand[];

/** The definition of `clectl`. */
export const clectl: Program = defineProgram<typeof options, Streams>({
  name: "clectl",
  commands,
  options,
  freeOptions: ["help", "version"],
  topics: { "exit-codes": exitCodesTopic },
  exits: {
    ok: { ...exitCodes.ok, meaning: "all is well", cure: "nothing" },
    usage: {
      ...exitCodes.usage,
      meaning: "an unknown command, option or value",
      cure: "read the sentence on stderr, and clectl help COMMAND",
    },
    internal: { ...exitCodes.internal, meaning: "a failure inside", cure: "report it, with the lines on stderr" },
  },
  habits: { commands: {}, otherPrograms: {}, options: { format: "--output", v: "--version" } },
  links: {},
  firstPage: {
    about:
      "clectl is the client of Trousseau for a person's own machine. This version has no commands for a server yet.",
    paragraphs: [],
    examples: [
      { line: "source <(clectl completions bash)", does: "complete its commands in this shell" },
      { line: "clectl help version", does: "explain a command" },
    ],
  },
});
