/**
 * Help texts, made from the table of commands.
 *
 * @module
 */
import { positionalUsage } from "./arguments.ts";
import type { Call, Command, Example } from "./command.ts";
import { findCommand } from "./command_words.ts";
import { commands } from "./trousseau/commands.ts";
import { exitCodes, type ExitStatus } from "./exit_codes.ts";
import { topicHelp, topicNames, topics } from "./help_topics.ts";
import { acceptedOptions, optionForms, optionRow, optionUsage } from "./options.ts";
import { columns, sections, wrapped } from "./table.ts";

const width = 92;

/** `trousseau help [COMMAND|TOPIC]`. */
export async function help({ positionals, terminal }: Call): Promise<ExitStatus> {
  terminal.stdout.write(await helpText(positionals, commands));
  return exitCodes.ok.status;
}

/**
 * The help text for words: of the whole program if there are none, else of a command or a topic.
 *
 * @throws {UsageError} for words that name none of them.
 */
async function helpText(words: readonly string[], table: readonly Command[]): Promise<string> {
  const [first, ...rest] = words;
  if (first === undefined) return programHelp(table);
  const command = table.find(({ name }) => name === words.slice(0, 2).join(" "));
  if (command !== undefined) return commandHelp(command);
  if (topicNames.includes(first)) return await topicHelp(first, rest, table, width);
  return commandHelp(findCommand(words, table, topicNames));
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
    ["Commands", columns(table.map(({ name, summary }) => [name, summary]), width)],
    ["Topics", columns(Object.entries(topics).map(([name, { summary }]) => [`help ${name}`, summary]), width)],
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
        { line: "trousseau help check", does: "explain a command" },
      ]),
    ],
    ["Exit status", columns(Object.values(exitCodes).map(({ status, meaning }) => [String(status), meaning]), width)],
  ]);
}

/** What `trousseau COMMAND --help` prints. */
export function commandHelp(command: Command): string {
  const { name, summary, description, positionals, options } = command;
  const usage = ["trousseau", name, ...positionals.map(positionalUsage), ...options.map((o) => `[${optionUsage(o)}]`)];
  const rows = acceptedOptions(options).map((option) => [optionForms(option), optionRow(option).summary] as const);
  return sections([
    ["", wrapped(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}. ${description}`, width)],
    ["Usage", wrapped(usage, width)],
    ["Options", columns(rows, width)],
    ["Examples", examples(command.examples)],
  ]);
}

function examples(list: readonly Example[]): readonly string[] {
  return list.flatMap(({ line, does }) => [...wrapped(does, width - 2).map((text) => `# ${text}`), line]);
}
