/**
 * The tables of `docs/commands.md`, made of the program's own; run by `deno task docs:commands`.
 *
 * @module
 */
import { join } from "node:path";
import { positionalUsage } from "../../lib/cli/arguments.ts";
import type { Command } from "../../lib/cli/command.ts";
import { acceptedOptions, optionForms, optionLabel, optionRow } from "../../lib/cli/options.ts";
import { commands } from "../../lib/cli/trousseau/commands.ts";
import { exits } from "../../lib/cli/trousseau/exits.ts";
import { options } from "../../lib/cli/trousseau/options.ts";
import { markdownTable } from "../support/markdown_table.ts";

const table: readonly Command[] = commands;

/** One table for each pair of marks. */
const tables = {
  "table of commands": () => markdownTable(["command", "for", "options"], table.map(commandRow)),
  "table of options": () => markdownTable(["option", "taken by", "for"], Object.keys(options).map(optionCells)),
  "table of exit statuses": () =>
    markdownTable(
      ["exit status", "meaning", "cure"],
      Object.values(exits).map(({ status, meaning, cure }) => [String(status), escaped(meaning), escaped(cure)]),
    ),
} as const;

function commandRow(command: Command): readonly string[] {
  const usage = [command.name, ...command.positionals.map(positionalUsage)].join(" ");
  return [
    code(usage),
    escaped(command.summary),
    command.options.map((name) => code(optionLabel(options, name))).join(", ") || "–",
  ];
}

function optionCells(name: string): readonly string[] {
  const takers = table.filter(({ options }) => acceptedOptions(options).includes(name));
  const all = takers.length === table.length;
  const taken = all ? "every command" : takers.map((command) => code(command.name)).join(", ");
  return [code(optionForms(options, name).trim()), taken || "no command", escaped(optionRow(options, name).summary)];
}

function code(text: string): string {
  return `\`${escaped(text)}\``;
}

function escaped(text: string): string {
  return text.replaceAll("|", "\\|");
}

/** The page with its tables made anew. @throws {Error} if it lacks the marks of one. */
export function withCommandTables(page: string): string {
  return Object.entries(tables).reduce((text, [name, make]) => {
    const [begin, end] = [`<!-- ${name} -->\n`, `\n<!-- /${name} -->`];
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`Cannot write docs/commands.md: the marks of the ${name} are missing.`);
    return `${text.slice(0, from)}${begin}\n${make()}\n${text.slice(to)}`;
  }, page);
}

if (import.meta.main) {
  const page = join(new URL("../..", import.meta.url).pathname, "docs/commands.md");
  await Deno.writeTextFile(page, withCommandTables(await Deno.readTextFile(page)));
}
