/**
 * What a shell may offer, read off the table of commands.
 *
 * @module
 */
import type { Command } from "../command.ts";
import { topics } from "../trousseau/help_topics.ts";
import { acceptedOptions, optionLabel, type OptionName, optionNames, optionRow } from "../options.ts";

/** A word to offer, and what it stands for. */
export interface Word {
  readonly word: string;
  readonly summary: string;
}

/** Options of a command, with those that all have. */
export function optionsOf(command: Command): readonly OptionName[] {
  return acceptedOptions(command.options);
}

/** The first words of all commands, each once. */
export function firstWords(table: readonly Command[]): readonly Word[] {
  const found = new Map<string, string>();
  for (const { name, summary } of table) {
    const [word = name] = name.split(" ");
    const isCommand = table.some((command) => command.name === word);
    const below = secondWords(table, word).map((second) => second.word).join(", ");
    if (!found.has(word)) found.set(word, isCommand ? summary : below);
  }
  return [...found].map(([word, summary]) => ({ word, summary }));
}

/** The second words of the commands that begin with `first`. */
export function secondWords(table: readonly Command[], first: string): readonly Word[] {
  return table.flatMap(({ name, summary }) => {
    const [family, word] = name.split(" ");
    return family === first && word !== undefined ? [{ word, summary }] : [];
  });
}

/** The words behind `help`: first words of commands, and topics. */
export function helpWords(table: readonly Command[]): readonly Word[] {
  const words = firstWords(table);
  const more = Object.entries(topics).filter(([name]) => !words.some(({ word }) => word === name));
  return [...words, ...more.map(([word, { summary }]) => ({ word, summary }))];
}

/** The first words after which `help` takes a second one. */
export function families(table: readonly Command[]): readonly string[] {
  return firstWords(table).map(({ word }) => word).filter((word) => secondWords(table, word).length > 0);
}

/** The words after a command: those of its family, those behind `help`, or the choices of its first positional. */
export function wordsAfter(command: Command, table: readonly Command[]): readonly Word[] {
  const [first] = command.positionals;
  if (first?.command) return helpWords(table);
  const choices = first?.choices?.map((word) => ({ word, summary: "" }));
  return choices ?? secondWords(table, command.name);
}

/** Whether files may stand after a command. */
export function takesFiles({ positionals }: Command): boolean {
  return positionals.some(({ files }) => files);
}

/** First words that are no command by themselves, as `config` in `config schema`. */
export function bareFamilies(table: readonly Command[]): readonly string[] {
  return firstWords(table).map(({ word }) => word).filter((word) => !table.some(({ name }) => name === word));
}

/** An option as it may be typed: `-c` and `--config`. */
export function formsOf(name: OptionName): readonly string[] {
  const { short } = optionRow(name);
  return short === undefined ? [optionLabel(name)] : [`-${short}`, optionLabel(name)];
}

/** All forms of the options that take a value, each once. */
export function formsWithValue(): readonly string[] {
  return [...new Set(optionNames.filter((name) => optionRow(name).type === "string").flatMap(formsOf))];
}

/** Options that may stand before a command or without one. */
export const freeOptions: readonly OptionName[] = ["config", "help", "version"];
