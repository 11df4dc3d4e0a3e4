/**
 * From words to a command and its options. Strict: what the table does not know is a {@linkcode UsageError}.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { type Command, type Positional, UsageError } from "./command.ts";
import { didYouMean } from "./suggestion.ts";
import { type OptionName, optionRow, optionTable, type OptionValues } from "./options.ts";
import { printable } from "./output.ts";

/** A command and what it was called with. */
export interface Parsed {
  readonly command: Command;
  readonly options: OptionValues;
  readonly positionals: readonly string[];
}

/**
 * Finds the command that the words begin with and reads the rest by its row.
 *
 * @throws {UsageError}
 */
export function parse(words: readonly string[], commands: readonly Command[]): Parsed {
  const command = findCommand(words, commands);
  const rest = words.slice(command.name.split(" ").length);
  const { tokens } = parseArgs({ args: rest, options: parserOptions(), strict: false, tokens: true });
  const options: Record<string, string | true> = {};
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const name = knownOption(token.name, token.rawName, command);
    if (Object.hasOwn(options, name)) throw new UsageError(`--${name} is given twice.`, command.name);
    options[name] = optionValue(name, token.value, token.inlineValue ?? false, command);
  }
  if (options["help"] === undefined) checkPositionals(positionals, command);
  return { command, options: options as OptionValues, positionals };
}

/**
 * The command that the first words name, the longest name first.
 *
 * @throws {UsageError}
 */
export function findCommand(words: readonly string[], commands: readonly Command[]): Command {
  const [first = "", second] = words.map(printable);
  if (first.startsWith("-")) throw new UsageError(`Options come after the command, and ${first} comes before it.`);
  const family = commands.filter(({ name }) => name.split(" ")[0] === first);
  if (family.length === 0) {
    const firsts = [...new Set(commands.map(({ name }) => name.split(" ")[0] ?? name))];
    throw new UsageError(`There is no command "${first}".${didYouMean(first, firsts)}`);
  }
  const whole = family.find(({ name }) => name === `${first} ${second}`);
  if (whole !== undefined) return whole;
  const single = family.find(({ name }) => name === first);
  const isWord = second !== undefined && !second.startsWith("-");
  if (single !== undefined && (!isWord || single.positionals.length > 0)) return single;
  const below = family.map(({ name }) => name.split(" ")[1]).filter((name) => name !== undefined);
  if (!isWord) throw new UsageError(`"${first}" wants one more word: ${below.join(" or ")}.`);
  if (below.length === 0) throw new UsageError(`"${first}" does not take "${second}".`, first);
  throw new UsageError(`There is no command "${first} ${second}".${didYouMean(second, below)}`, single?.name);
}

function parserOptions(): Record<string, { type: "boolean" | "string"; short?: string }> {
  const rows = Object.entries<{ type: "boolean" | "string"; short?: string }>(optionTable);
  return Object.fromEntries(
    rows.map(([name, { type, short }]) => [name, short === undefined ? { type } : { type, short }]),
  );
}

function knownOption(name: string, typed: string, command: Command): OptionName {
  const known: readonly OptionName[] = [...command.options, "help"];
  const found = known.find((option) => option === name);
  if (found !== undefined) return found;
  const near = didYouMean(printable(typed), known.map((option) => `--${option}`));
  throw new UsageError(`"${command.name}" has no option ${printable(typed)}.${near}`, command.name);
}

function optionValue(name: OptionName, value: string | undefined, inline: boolean, command: Command): string | true {
  const { type, choices, value: stands } = optionRow(name);
  if (type === "boolean") {
    if (value !== undefined) throw new UsageError(`--${name} takes no value.`, command.name);
    return true;
  }
  // A forgotten value must not swallow the option after it; a value that does begin with a dash is given with "=".
  if (value === undefined || value === "" || (!inline && value.startsWith("-") && value !== "-")) {
    throw new UsageError(`--${name} wants a value: --${name} ${stands}.`, command.name);
  }
  if (choices !== undefined) checkChoice(`--${name}`, value, choices, command);
  return value;
}

function checkPositionals(given: readonly string[], command: Command): void {
  const wanted = command.positionals;
  given.forEach((value, index) => {
    const last = wanted.at(-1);
    const row = wanted[index] ?? (last?.many ? last : undefined);
    if (row === undefined) {
      if (wanted.some((positional) => positional.command)) return;
      throw new UsageError(`"${command.name}" does not take "${printable(value)}".`, command.name);
    }
    if (row.choices !== undefined) checkChoice(row.name, value, row.choices, command);
  });
  const missing = wanted[given.length];
  if (missing !== undefined && missing.optional !== true) {
    throw new UsageError(`"${command.name}" wants ${positionalUsage(missing)}.`, command.name);
  }
}

function checkChoice(what: string, value: string, choices: readonly string[], command: Command): void {
  if (choices.includes(value)) return;
  const near = didYouMean(value, choices);
  throw new UsageError(
    `${what} is one of ${choices.join(", ")}, and not "${printable(value)}".${near}`,
    command.name,
  );
}

/** A positional as it stands in a usage line. */
export function positionalUsage(positional: Positional): string {
  const stands = (positional.choices?.join("|") ?? positional.name) + (positional.many ? "…" : "");
  return positional.optional ? `[${stands}]` : stands;
}
