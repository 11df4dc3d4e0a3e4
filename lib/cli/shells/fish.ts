/**
 * Completions for fish.
 *
 * @module
 */
import type { Command, Program } from "../command.ts";
import { longName, optionRow, type OptionTable } from "../options.ts";
import {
  familiesOf,
  firstWords,
  formsWithValue,
  longNames,
  nextWords,
  optionsOf,
  takesFiles,
  type Word,
  wordsAfter,
} from "./words.ts";

/** The text of a file in fish's `completions` folder that is named after the program, for instance `trousseau.fish`. */
export function fishCompletions(program: Program): string {
  const { name, commands, options, freeOptions } = program;
  const taken = longNames(program);
  const row = rowsOf(name);
  const forms = formsWithValue(options);
  return [
    `# fish completion for ${name}`,
    "# Prints the command that has been typed, and how many words follow it.",
    `function __${name}_command`,
    "  set -l name ''",
    "  set -l count 0",
    "  set -l option ''",
    "  for word in (commandline -opc)[2..-1]",
    '    if test -n "$option"',
    "      set option ''",
    "      continue",
    "    end",
    "    switch $word",
    ...(forms.length === 0 ? [] : [`      case ${forms.join(" ")}`, "        set option $word"]),
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
    `complete -c ${name} -f`,
    ...firstWords(program).map((word) => row("", 0, wordSpec(word))),
    ...freeOptions.map((option) => row("", 0, optionSpec(options, option))),
    ...familiesOf(program).flatMap((family) =>
      nextWords(program, family).flatMap((word) => [
        row(family, 0, wordSpec(word)),
        row(`help ${family}`, 0, wordSpec(word)),
      ])
    ),
    ...commands.flatMap((command) => commandRows(command, program)),
    "",
  ].join("\n");
}

function commandRows(command: Command, program: Program): readonly string[] {
  const row = rowsOf(program.name);
  const family = nextWords(program, command.name).map(({ word }) => word);
  const words = wordsAfter(command, program).filter(({ word }) => !family.includes(word));
  const many = command.positionals.at(-1)?.many;
  return [
    ...words.map((word) => row(command.name, 0, wordSpec(word))),
    ...(takesFiles(command) ? [row(command.name, many ? "any" : 0, "-F")] : []),
    ...optionsOf(command).map((option) => row(command.name, "any", optionSpec(program.options, option))),
  ];
}

/** Returns a function that writes one row: a completion after a command and a number of words. */
function rowsOf(program: string): (command: string, count: number | "any", rest: string) => string {
  return (command, count, rest) => {
    const condition = count === "any"
      ? `string match -qr -- "^${command} [0-9]+\\$" (__${program}_command)`
      : `test (__${program}_command) = "${command} ${count}"`;
    return `complete -c ${program} -n ${quoted(condition)} ${rest}`;
  };
}

function wordSpec({ word, summary }: Word): string {
  return `-a ${word}${summary === "" ? "" : ` -d ${quoted(summary)}`}`;
}

function optionSpec(table: OptionTable, name: string): string {
  const { type, short, choices, files, summary } = optionRow(table, name);
  const value = choices !== undefined ? `-x -a ${quoted(choices.join(" "))}` : files ? "-r -F" : "-x";
  return [
    `-l ${longName(table, name)}`,
    ...(short === undefined ? [] : [`-s ${short}`]),
    ...(type === "boolean" ? [] : [value]),
    `-d ${quoted(summary)}`,
  ].join(" ");
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
