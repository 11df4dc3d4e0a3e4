/**
 * Help texts, made from the table of commands.
 *
 * @module
 */
import { findCommand, positionalUsage } from "./arguments.ts";
import type { Call, Command, Example } from "./command.ts";
import { commands } from "./commands.ts";
import { exitCodes, type ExitStatus } from "./exit_codes.ts";
import { optionRow, optionUsage } from "./options.ts";
import { columns, wrapped } from "./table.ts";

const width = 88;

/** `trousseau help [COMMAND]`. */
export function help({ positionals, terminal }: Call): Promise<ExitStatus> {
  const text = positionals.length === 0 ? programHelp(commands) : commandHelp(findCommand(positionals, commands));
  terminal.stdout.write(text);
  return Promise.resolve(exitCodes.ok.status);
}

/** What `trousseau` alone prints. */
export function programHelp(table: readonly Command[]): string {
  return sections([
    [
      "",
      wrapped(
        "Trousseau lets a Kubernetes API server encrypt what it stores with keys that never leave a key " +
          "management service (KMS): a KMS plugin for one or more of them.",
        width,
      ),
    ],
    ["Usage", ["trousseau COMMAND [OPTIONS]"]],
    ["Commands", columns(table.map(({ name, summary }) => [name, summary]))],
    [
      "Configuration",
      wrapped(
        "The file of --config, else the one that the variable TROUSSEAU_CONFIG names, else " +
          "/etc/trousseau/trousseau.yaml if it is there, else an embedded default with one local key, to try it.",
        width,
      ),
    ],
    [
      "Examples",
      examples([
        { line: "trousseau serve", does: "try it with a local key" },
        { line: "trousseau encryption-config", does: "what kube-apiserver needs for it" },
        { line: "trousseau help COMMAND", does: "explain a command" },
      ]),
    ],
    ["Exit status", columns(Object.values(exitCodes).map(({ status, meaning }) => [String(status), meaning]))],
  ]);
}

/** What `trousseau COMMAND --help` prints. */
export function commandHelp(command: Command): string {
  const { name, summary, description, positionals, options } = command;
  const shown = [...options, "help"] as const;
  const usage = ["trousseau", name, ...positionals.map(positionalUsage), ...options.map((o) => `[${optionUsage(o)}]`)];
  return sections([
    ["", wrapped(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}. ${description}`, width)],
    ["Usage", wrapped(usage, width)],
    ["Options", columns(shown.map((option) => [optionUsage(option), optionRow(option).summary]))],
    ["Examples", examples(command.examples)],
  ]);
}

function examples(list: readonly Example[]): readonly string[] {
  return list.flatMap(({ line, does }) => [`# ${does}`, line]);
}

function sections(list: readonly (readonly [title: string, lines: readonly string[]])[]): string {
  return list.map(([title, lines]) =>
    title === "" ? `${lines.join("\n")}\n` : `${title}:\n${lines.map((text) => `  ${text}\n`).join("")}`
  ).join("\n");
}
