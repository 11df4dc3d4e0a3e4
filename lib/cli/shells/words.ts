/**
 * The words that completions offer, from a program's tables.
 *
 * @module
 */
import type { Command, Program } from "../command.ts";
import { families, wordsBelow } from "../command_words.ts";
import { acceptedOptions, optionLabel, optionRow, type OptionTable } from "../options.ts";

/** A word, and its description or `""`. */
export interface Word {
  readonly word: string;
  readonly summary: string;
}

/** The first words of all commands, without duplicates. */
export function firstWords(program: Program): readonly Word[] {
  return nextWords(program, "");
}

/** The words that can follow those of a family of commands; the first words of all for `""`. */
export function nextWords({ commands }: Program, family: string): readonly Word[] {
  const names = commands.map(({ name }) => name);
  return wordsBelow(family, names).map((word) => {
    const path = family === "" ? word : `${family} ${word}`;
    const command = commands.find(({ name }) => name === path);
    return { word, summary: command?.summary ?? wordsBelow(path, names).join(", ") };
  });
}

/** The words after `help`: first words of commands, and topics. */
export function helpWords(program: Program): readonly Word[] {
  const words = firstWords(program);
  const more = Object.entries(program.topics).filter(([name]) => !words.some(({ word }) => word === name));
  return [...words, ...more.map(([word, { summary }]) => ({ word, summary }))];
}

/** The proper prefixes of commands' names, for instance `config` of `config schema`. */
export function familiesOf({ commands }: Program): readonly string[] {
  return families(commands.map(({ name }) => name));
}

/** Families that are not commands themselves. */
export function bareFamilies(program: Program): readonly string[] {
  return familiesOf(program).filter((family) => !program.commands.some(({ name }) => name === family));
}

/** All names of two or more words that a shell must recognize as one, also families after `help`. */
export function longNames(program: Program): readonly string[] {
  const all = [...familiesOf(program), ...program.commands.map(({ name }) => name)];
  const long = all.filter((name) => name.includes(" "));
  return [...new Set([...long, ...familiesOf(program).map((family) => `help ${family}`)])];
}

/** The words after a command: those of its family, those after `help`, or the choices of its first positional. */
export function wordsAfter({ name, positionals: [first] }: Command, program: Program): readonly Word[] {
  if (first?.command) return helpWords(program);
  const choices = first?.choices?.map((word) => ({ word, summary: "" }));
  return choices ?? nextWords(program, name);
}

/** Whether a command takes files. */
export function takesFiles({ positionals }: Command): boolean {
  return positionals.some(({ files }) => files);
}

/** The forms of an option: `-c` and `--config`. */
export function formsOf(table: OptionTable, name: string): readonly string[] {
  const { short } = optionRow(table, name);
  const label = optionLabel(table, name);
  return short === undefined ? [label] : [`-${short}`, label];
}

/** All forms of the options that take a value, each once. */
export function formsWithValue(table: OptionTable): readonly string[] {
  const names = Object.keys(table).filter((name) => optionRow(table, name).type === "string");
  return [...new Set(names.flatMap((name) => formsOf(table, name)))];
}

/** The forms of the options before a command that name a file. */
export function freeFileForms({ options, freeOptions }: Program): readonly string[] {
  return freeOptions.filter((name) => optionRow(options, name).files).flatMap((name) => formsOf(options, name));
}

/** The options of a command, including those of all commands. */
export function optionsOf({ options }: Command): readonly string[] {
  return acceptedOptions(options);
}
