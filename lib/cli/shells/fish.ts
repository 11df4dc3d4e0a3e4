/**
 * Completions for fish.
 *
 * @module
 */
import type { Command } from "../command.ts";
import { optionLabel, type OptionName, optionRow } from "../options.ts";
import {
  families,
  firstWords,
  formsWithValue,
  freeOptions,
  optionsOf,
  secondWords,
  takesFiles,
  type Word,
  wordsAfter,
} from "./words.ts";

/** A file named `trousseau.fish` for fish's `completions` folder. */
export function fishCompletions(table: readonly Command[]): string {
  const pairs = table.map(({ name }) => name).filter((name) => name.includes(" "));
  const taken = [...pairs, ...families(table).map((first) => `help ${first}`)];
  return [
    "# fish completion for trousseau",
    "# Prints the command that has been typed, and how many words follow it.",
    "function __trousseau_command",
    "  set -l name ''",
    "  set -l count 0",
    "  set -l option ''",
    "  for word in (commandline -opc)[2..-1]",
    '    if test -n "$option"',
    "      set option ''",
    "      continue",
    "    end",
    "    switch $word",
    `      case ${formsWithValue().join(" ")}`,
    "        set option $word",
    "      case '-*'",
    "      case '*'",
    '        if test -z "$name"',
    "          set name $word",
    `        else if contains -- "$name $word" ${taken.map(quoted).join(" ")}`,
    '          set name "$name $word"',
    "        else",
    "          set count (math $count + 1)",
    "        end",
    "    end",
    "  end",
    '  echo "$name $count"',
    "end",
    "complete -c trousseau -f",
    ...firstWords(table).map((word) => row(exactly("", 0), wordSpec(word))),
    ...freeOptions.map((option) => row(exactly("", 0), optionSpec(option))),
    ...families(table).flatMap((first) =>
      secondWords(table, first).flatMap((word) => [
        row(exactly(first, 0), wordSpec(word)),
        row(exactly(`help ${first}`, 0), wordSpec(word)),
      ])
    ),
    ...table.flatMap((command) => commandRows(command, table)),
    "",
  ].join("\n");
}

function commandRows(command: Command, table: readonly Command[]): readonly string[] {
  const family = secondWords(table, command.name).map(({ word }) => word);
  const words = wordsAfter(command, table).filter(({ word }) => !family.includes(word));
  const many = command.positionals.at(-1)?.many;
  return [
    ...words.map((word) => row(exactly(command.name, 0), wordSpec(word))),
    ...(takesFiles(command) ? [row(many ? anyhow(command.name) : exactly(command.name, 0), "-F")] : []),
    ...optionsOf(command).map((option) => row(anyhow(command.name), optionSpec(option))),
  ];
}

function row(condition: string, rest: string): string {
  return `complete -c trousseau -n ${quoted(condition)} ${rest}`;
}

function exactly(name: string, count: number): string {
  return `test (__trousseau_command) = "${name} ${count}"`;
}

function anyhow(name: string): string {
  return `string match -qr -- "^${name} [0-9]+\\$" (__trousseau_command)`;
}

function wordSpec({ word, summary }: Word): string {
  return `-a ${word}${summary === "" ? "" : ` -d ${quoted(summary)}`}`;
}

function optionSpec(name: OptionName): string {
  const { type, short, choices, files, summary } = optionRow(name);
  const value = choices !== undefined ? `-x -a ${quoted(choices.join(" "))}` : files ? "-r -F" : "-x";
  return [
    `-l ${optionLabel(name).slice(2)}`,
    ...(short === undefined ? [] : [`-s ${short}`]),
    ...(type === "boolean" ? [] : [value]),
    `-d ${quoted(summary)}`,
  ].join(" ");
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
