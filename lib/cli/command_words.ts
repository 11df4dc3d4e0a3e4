/**
 * Finds commands by name. A name has one or more words.
 *
 * @module
 */
import { didYouMean } from "../base/nearest.ts";
import { type Command, type Program, UsageError } from "./command.ts";
import { meantCommand } from "./suggestion.ts";
import { printable } from "./terminal.ts";

/**
 * The command that the first words name; the longest name takes precedence.
 *
 * @param topics other words that `help` explains, for a suggestion.
 * @throws {UsageError}
 */
export function findCommand(
  words: readonly string[],
  { name: program, commands, habits }: Program,
  topics: readonly string[] = [],
): Command {
  const [first, ...more] = words.map(printable);
  if (first === undefined) throw new UsageError(`A command is missing: ${program} COMMAND [OPTIONS].`);
  const names = commands.map(({ name }) => name);
  if (!isFamily(first, names)) {
    const near = meantCommand(first, [...names, ...topics], habits);
    throw new UsageError(`There is no command "${first}".${near}`);
  }
  let family = first;
  for (const word of more) {
    if (!isFamily(`${family} ${word}`, names)) break;
    family = `${family} ${word}`;
  }
  const next = more[family.split(" ").length - 1];
  const found = commands.find(({ name }) => name === family);
  const below = wordsBelow(family, names);
  if (found !== undefined && (next === undefined || below.length === 0 || looksLikeFile(next))) return found;
  if (next === undefined) throw new UsageError(`"${family}" wants one more word: ${below.join(" or ")}.`, family);
  const near = didYouMean(next, below);
  throw new UsageError(`There is no command "${family} ${next}".${near}`, family);
}

/** The command with the longest name with which the words begin; `undefined` if there is none. It never throws. */
export function commandNamed(words: readonly string[], commands: readonly Command[]): Command | undefined {
  const typed = `${words.join(" ")} `;
  return commands.filter(({ name }) => typed.startsWith(`${name} `))
    .toSorted((one, other) => other.name.length - one.name.length)[0];
}

/** Whether the words are the name of a command or its beginning. */
function isFamily(words: string, names: readonly string[]): boolean {
  return names.some((name) => `${name} `.startsWith(`${words} `));
}

/** The words that can follow a family's, without duplicates; the first words of all names for `""`. */
export function wordsBelow(family: string, names: readonly string[]): readonly string[] {
  const start = family === "" ? "" : `${family} `;
  const next = names.filter((name) => name.startsWith(start)).map((name) => name.slice(start.length).split(" ")[0]);
  return [...new Set(next.flatMap((word) => word === undefined || word === "" ? [] : [word]))];
}

/** All proper prefixes of names, for instance `config` of `config schema`, without duplicates. */
export function families(names: readonly string[]): readonly string[] {
  const found = names.flatMap((name) => {
    const words = name.split(" ");
    return words.slice(1).map((_, index) => words.slice(0, index + 1).join(" "));
  });
  return [...new Set(found)];
}

/** Whether a word looks like a file name: a mistyped command contains neither a slash nor a dot. */
export function looksLikeFile(word: string): boolean {
  return /[/.]/.test(word);
}
