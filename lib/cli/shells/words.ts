/**
 * What a shell may offer, read off the table of commands.
 *
 * @module
 */
import type { Command } from "../command.ts";
import type { OptionName } from "../options.ts";

/** A word to offer, and what it stands for. */
export interface Word {
  readonly word: string;
  readonly summary: string;
}

/** Options of a command, with the one that all have. */
export function optionsOf(command: Command): readonly OptionName[] {
  return [...command.options, "help"];
}

/** The first words of all commands, each once. */
export function firstWords(table: readonly Command[]): readonly Word[] {
  const found = new Map<string, string>();
  for (const { name, summary } of table) {
    const [word = name] = name.split(" ");
    if (!found.has(word)) found.set(word, summary);
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

/** What may stand after a command: words of its family, or the choices of its first positional. */
export function wordsAfter(command: Command, table: readonly Command[]): readonly string[] {
  const [first] = command.positionals;
  if (first?.command) return firstWords(table).map(({ word }) => word);
  return first?.choices ?? secondWords(table, command.name).map(({ word }) => word);
}

/** First words that are no command by themselves, as `config` in `config schema`. */
export function bareFamilies(table: readonly Command[]): readonly string[] {
  return firstWords(table).map(({ word }) => word).filter((word) => !table.some(({ name }) => name === word));
}
