/**
 * The command that words name.
 *
 * @module
 */
import { type Command, UsageError } from "./command.ts";
import { printable } from "./terminal.ts";
import { didYouMean } from "../base/nearest.ts";
import { meantCommand } from "./suggestion.ts";

/**
 * The command that the first words name, the longest name first.
 *
 * @param topics other words that `help` explains, for a suggestion.
 * @throws {UsageError}
 */
export function findCommand(
  words: readonly string[],
  commands: readonly Command[],
  topics: readonly string[] = [],
): Command {
  const [first, second] = words.map(printable);
  if (first === undefined) throw new UsageError("A command is missing: trousseau COMMAND [OPTIONS].");
  const family = commands.filter(({ name }) => name.split(" ")[0] === first);
  if (family.length === 0) {
    const near = meantCommand(first, [...commands.map(({ name }) => name), ...topics]);
    throw new UsageError(`There is no command "${first}".${near}`);
  }
  const whole = family.find(({ name }) => name === `${first} ${second}`);
  if (whole !== undefined) return whole;
  const single = family.find(({ name }) => name === first);
  const below = family.map(({ name }) => name.split(" ")[1]).filter((name) => name !== undefined);
  if (single !== undefined && (second === undefined || below.length === 0 || looksLikeFile(second))) return single;
  if (second === undefined) throw new UsageError(`"${first}" wants one more word: ${below.join(" or ")}.`, first);
  throw new UsageError(`There is no command "${first} ${second}".${didYouMean(second, below)}`, first);
}

/** Whether a word may be a file's name: a mistyped word has neither a slash nor a dot. */
export function looksLikeFile(word: string): boolean {
  return /[/.]/.test(word);
}
