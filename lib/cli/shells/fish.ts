/**
 * Completions for fish.
 *
 * @module
 */
import type { Command } from "../command.ts";
import { type OptionName, optionRow } from "../options.ts";
import { bareFamilies, firstWords, optionsOf, secondWords, wordsAfter } from "./words.ts";

/** A file named `trousseau.fish` for fish's `completions` folder. */
export function fishCompletions(table: readonly Command[]): string {
  return [
    "# fish completion for trousseau",
    "complete -c trousseau -f",
    ...firstWords(table).map(({ word, summary }) => row("__fish_use_subcommand", `-a ${word} -d ${quoted(summary)}`)),
    ...bareFamilies(table).flatMap((first) =>
      secondWords(table, first).map(({ word, summary }) => row(seen(first), `-a ${word} -d ${quoted(summary)}`))
    ),
    ...table.flatMap((command) => commandRows(command, table)),
    "",
  ].join("\n");
}

function commandRows(command: Command, table: readonly Command[]): readonly string[] {
  const words = wordsAfter(command, table);
  return [
    ...(words.length === 0 ? [] : [row(seen(command.name), `-a ${quoted(words.join(" "))}`)]),
    ...optionsOf(command).map((option) => row(seen(command.name), optionSpec(option))),
  ];
}

function row(condition: string, rest: string): string {
  return `complete -c trousseau -n ${quoted(condition)} ${rest}`;
}

function seen(name: string): string {
  return name.split(" ").map((word) => `__fish_seen_subcommand_from ${word}`).join("; and ");
}

function optionSpec(name: OptionName): string {
  const { type, short, choices, files, summary } = optionRow(name);
  const value = choices !== undefined ? `-x -a ${quoted(choices.join(" "))}` : files ? "-r -F" : "-x";
  return [
    `-l ${name}`,
    ...(short === undefined ? [] : [`-s ${short}`]),
    ...(type === "boolean" ? [] : [value]),
    `-d ${quoted(summary)}`,
  ].join(" ");
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
