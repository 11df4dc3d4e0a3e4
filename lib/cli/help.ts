/**
 * Help texts, generated from a program's tables.
 *
 * @module
 */
import { positionalUsage } from "./arguments.ts";
import type { Call, Command, Example, Program, Topic } from "./command.ts";
import { families, findCommand } from "./command_words.ts";
import { exitCodes, type ExitStatus } from "./exit_codes.ts";
import { acceptedOptions, optionForms, optionRow, optionUsage } from "./options.ts";
import { columns, sections, wrapped } from "./table.ts";

/** Maximum length of a line in characters, without its indentation. */
const width = 92;

/** The command `help [COMMAND|TOPIC]` of every program. */
export async function help(
  { positionals, program, terminal }: Pick<Call, "positionals" | "program" | "terminal">,
): Promise<ExitStatus> {
  terminal.stdout.write(await helpText(positionals, program));
  return exitCodes.ok.status;
}

/**
 * The help text for words: of the program if there are none, otherwise of a command, a topic, or a family of commands.
 *
 * @throws {UsageError} if the words name none of them.
 */
async function helpText(words: readonly string[], program: Program): Promise<string> {
  const [first, ...rest] = words;
  if (first === undefined) return programHelp(program);
  const { commands, topics } = program;
  const typed = words.join(" ");
  const command = commands.find(({ name }) => name === typed);
  if (command !== undefined) return commandHelp(program, command);
  const topic: Topic | undefined = Object.hasOwn(topics, first) ? topics[first] : undefined;
  if (topic !== undefined) return await topic.text(rest, program, width);
  if (families(commands.map(({ name }) => name)).includes(typed)) return familyHelp(program, typed);
  return commandHelp(program, findCommand(words, program, Object.keys(topics)));
}

/** The help of a program. */
export function programHelp({ name, commands, topics, firstPage, exits }: Program): string {
  return sections([
    ["", wrapped(firstPage.about, width)],
    ["Usage", [`${name} COMMAND [OPTIONS]`]],
    ["Commands", columns(commands.map((command) => [command.name, command.summary]), width)],
    ["Topics", columns(Object.entries(topics).map(([topic, { summary }]) => [`help ${topic}`, summary]), width)],
    ...firstPage.paragraphs.map(([title, text]) => [title, wrapped(text, width)] as const),
    ["Examples", examples(firstPage.examples)],
    ["Exit status", columns(Object.values(exits).map(({ status, meaning }) => [String(status), meaning]), width)],
  ]);
}

/** The help of a command, also for `COMMAND --help`. */
export function commandHelp({ name: program, options: table }: Program, command: Command): string {
  const { name, summary, description, positionals, options } = command;
  const shown = options.map((option) => `[${optionUsage(table, option)}]${optionRow(table, option).many ? "…" : ""}`);
  const rows = acceptedOptions(options).map((name) =>
    [optionForms(table, name), optionRow(table, name).summary] as const
  );
  return sections([
    ["", wrapped(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}. ${description}`, width)],
    ["Usage", wrapped([program, name, ...positionals.map(positionalUsage), ...shown], width)],
    ["Options", columns(rows, width)],
    ["Examples", examples(command.examples)],
  ]);
}

/** The help for words that are only the beginning of commands' names. */
function familyHelp({ name, commands }: Program, family: string): string {
  const members = commands.filter((command) => command.name.startsWith(`${family} `));
  return sections([
    ["Usage", [`${name} ${family} COMMAND [OPTIONS]`]],
    ["Commands", columns(members.map((command) => [command.name, command.summary]), width)],
  ]);
}

function examples(list: readonly Example[]): readonly string[] {
  return list.flatMap(({ line, does }) => [...wrapped(does, width - 2).map((text) => `# ${text}`), line]);
}
