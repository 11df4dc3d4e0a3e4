/**
 * The tables of `docs/commands.md` and `docs/clectl.md`, made of the programs' own; run by `deno task docs:commands`.
 *
 * @module
 */
import { join } from "node:path";
import { positionalUsage } from "../../lib/cli/arguments.ts";
import { clectl } from "../../lib/cli/clectl/program.ts";
import type { Command, ExitRow } from "../../lib/cli/command.ts";
import { acceptedOptions, optionForms, optionLabel, optionRow, type OptionTable } from "../../lib/cli/options.ts";
import { commands } from "../../lib/cli/trousseau/commands.ts";
import { exits } from "../../lib/cli/trousseau/exits.ts";
import { options } from "../../lib/cli/trousseau/options.ts";
import { markdownTable } from "../support/markdown_table.ts";

/** The tables of a program. */
interface ProgramTables {
  readonly commands: readonly Command[];
  readonly options: OptionTable;
  readonly exits: Readonly<Record<string, ExitRow | undefined>>;
}

/** The pages, each with the program whose tables it has. */
export const commandPages: Readonly<Record<string, ProgramTables>> = {
  "docs/commands.md": { commands, options, exits },
  "docs/clectl.md": { commands: clectl.commands as readonly Command[], options: clectl.options, exits: clectl.exits },
};

/** One table for each pair of marks. */
const tables = {
  "table of commands": ({ commands, options }: ProgramTables) =>
    markdownTable(["command", "for", "options"], commands.map((command) => commandRow(command, options))),
  "table of options": (program: ProgramTables) =>
    markdownTable(
      ["option", "taken by", "for"],
      Object.keys(program.options).map((name) => optionCells(name, program)),
    ),
  "table of exit statuses": ({ exits }: ProgramTables) =>
    markdownTable(
      ["exit status", "meaning", "cure"],
      Object.values(exits).flatMap((row) =>
        row === undefined ? [] : [[String(row.status), escaped(row.meaning), escaped(row.cure)]]
      ),
    ),
} as const;

function commandRow(command: Command, options: OptionTable): readonly string[] {
  const usage = [command.name, ...command.positionals.map(positionalUsage)].join(" ");
  return [
    code(usage),
    escaped(command.summary),
    command.options.map((name) => code(optionLabel(options, name))).join(", ") || "–",
  ];
}

function optionCells(name: string, { commands, options }: ProgramTables): readonly string[] {
  const takers = commands.filter(({ options }) => acceptedOptions(options).includes(name));
  const all = takers.length === commands.length;
  const taken = all ? "every command" : takers.map((command) => code(command.name)).join(", ");
  return [code(optionForms(options, name).trim()), taken || "no command", escaped(optionRow(options, name).summary)];
}

function code(text: string): string {
  return `\`${escaped(text)}\``;
}

function escaped(text: string): string {
  return text.replaceAll("|", "\\|");
}

/** The page with its tables made anew. @throws {Error} if it lacks the marks of one, or is no page of commands. */
export function withCommandTables(path: string, page: string): string {
  const program = commandPages[path];
  if (program === undefined) throw new Error(`Cannot write ${path}: it is no page of commands.`);
  return Object.entries(tables).reduce((text, [name, make]) => {
    const [begin, end] = [`<!-- ${name} -->\n`, `\n<!-- /${name} -->`];
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`Cannot write ${path}: the marks of the ${name} are missing.`);
    return `${text.slice(0, from)}${begin}\n${make(program)}\n${text.slice(to)}`;
  }, page);
}

if (import.meta.main) {
  const root = new URL("../..", import.meta.url).pathname;
  for (const path of Object.keys(commandPages)) {
    await Deno.writeTextFile(join(root, path), withCommandTables(path, await Deno.readTextFile(join(root, path))));
  }
}
