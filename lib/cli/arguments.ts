/**
 * From words to a command and its options. Strict: what the table does not know is a {@linkcode UsageError}.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { type Command, type Positional, UsageError } from "./command.ts";
import { findCommand, looksLikeFile } from "./command_words.ts";
import { acceptedOptions, optionLabel, type OptionName, optionNames, optionRow, type OptionValues } from "./options.ts";
import { printable } from "./terminal.ts";
import { didYouMean } from "../base/nearest.ts";
import { meantOption, meantWithTwoDashes } from "./suggestion.ts";

/** A command and what it was called with. */
export interface Parsed {
  readonly command: Command;
  readonly options: OptionValues;
  readonly positionals: readonly string[];
}

/** An option as it was typed. */
interface GivenOption {
  /** The long name if the table has it, else the typed word without dashes. */
  readonly name: string;
  /** The option with its dashes. */
  readonly typed: string;
  readonly value: string | undefined;
  /** Whether the value stands in the same word. */
  readonly inline: boolean;
}

type Values = Record<string, string | true>;

/**
 * Finds the command that the words name and reads the rest by its row. Options may stand anywhere, also before the
 * command. With `--help` it is the command `help`, whatever else is wrong, and with `--version` alone `version`.
 *
 * @throws {UsageError}
 */
export function parse(words: readonly string[], commands: readonly Command[]): Parsed {
  refuseOtherStyles(words);
  const { given, positionals, before } = split(words);
  const has = (name: OptionName) => given.some((option) => option.name === name);
  if (has("help") || words.length === 0) return { command: named("help", commands), options: {}, positionals };
  if (positionals.length === 0) {
    const rest = given.filter(({ name }) => name !== "version" && name !== "verbose");
    if (rest.length < given.length) return parsed(named("version", commands), rest, []);
  }
  const unknown = before.find(({ name }) => !longNames.includes(name));
  if (unknown !== undefined) throw unknownOption(unknown);
  const command = findCommand(positionals, commands);
  return parsed(command, given, positionals.slice(command.name.split(" ").length));
}

/** The first word that is neither an option nor the value of one; it never throws. */
export function commandWord(words: readonly string[]): string | undefined {
  return split(words).positionals[0];
}

function parsed(command: Command, given: readonly GivenOption[], positionals: readonly string[]): Parsed {
  const values = readOptions(given, command);
  const rest = readPositionals(positionals, values, command);
  mergeCompanions(values, command);
  return { command, options: values as OptionValues, positionals: rest };
}

function named(name: string, commands: readonly Command[]): Command {
  return findCommand([name], commands);
}

/** Options and other words, and the options that stand before the first of these. */
function split(words: readonly string[]) {
  const { tokens } = parseArgs({ args: [...words], options: parserOptions(), strict: false, tokens: true });
  const given: GivenOption[] = [];
  const positionals: string[] = [];
  const before: GivenOption[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const inline = token.inlineValue ?? false;
    // `-c=FILE`, as other tools take it.
    const value = inline && !token.rawName.startsWith("--") ? token.value?.replace(/^=/, "") : token.value;
    const option = { name: token.name, typed: token.rawName, value, inline };
    given.push(option);
    if (positionals.length === 0) before.push(option);
  }
  return { given, positionals, before };
}

function parserOptions(): Record<string, { type: "boolean" | "string"; short?: string }> {
  return Object.fromEntries(optionNames.map((name) => {
    const { type, short } = optionRow(name);
    return [longOf(name), short === undefined ? { type } : { type, short }];
  }));
}

function longOf(name: OptionName): string {
  return optionRow(name).long ?? name;
}

const longNames: readonly string[] = optionNames.map(longOf);

const shortNames: readonly string[] = optionNames.flatMap((name) => optionRow(name).short ?? []);

/**
 * Two habits that would be read as something else: long options with one dash, in which an `h` would ask for help, and a
 * level after `-v`.
 */
function refuseOtherStyles(words: readonly string[]): void {
  const end = words.indexOf("--");
  const read = end < 0 ? words : words.slice(0, end);
  read.forEach((word, index) => {
    const [, long] = /^-([a-z][a-z-]+)(?:=.*)?$/.exec(word) ?? [];
    const meant = long === undefined ? undefined : meantWithTwoDashes(long, longNames);
    if (meant !== undefined) throw new UsageError(`A long option has two dashes: ${meant}, not -${long}.`);
    if (long !== undefined && !shortNames.includes(long.charAt(0))) {
      throw new UsageError(`There is no option -${printable(long)}.`);
    }
    const apart = word === "-v" && /^\d+$/.test(read[index + 1] ?? "");
    if (apart || /^--?v(erbose)?=?\d+$/.test(word)) {
      throw new UsageError("-v takes no number; -v alone is --log-level debug.");
    }
  });
}

function readOptions(given: readonly GivenOption[], command: Command): Values {
  const values: Values = {};
  for (const option of given) {
    const name = knownOption(option, command);
    const value = optionValue(name, option, command);
    // A repeated flag changes nothing; of two values one would be ignored.
    if (value !== true && Object.hasOwn(values, name)) {
      throw new UsageError(`${optionLabel(name)} is given twice.`, command.name);
    }
    values[name] = value;
  }
  return values;
}

function knownOption(option: GivenOption, command: Command): OptionName {
  const found = acceptedOptions(command.options).find((name) => longOf(name) === option.name);
  if (found !== undefined) return found;
  throw unknownOption(option, command);
}

function unknownOption({ name, typed }: GivenOption, command?: Command): UsageError {
  const labels = (command === undefined ? optionNames : acceptedOptions(command.options)).map(optionLabel);
  const shown = printable(typed);
  const subject = command === undefined ? `There is no option ${shown}` : `"${command.name}" has no option ${shown}`;
  const positive = name.startsWith("no-") ? `--${name.slice(3)}` : "";
  if (labels.includes(positive)) return new UsageError(`${subject}; leave out ${positive} instead.`, command?.name);
  return new UsageError(`${subject}.${meantOption(shown, labels)}`, command?.name);
}

function optionValue(name: OptionName, { value, inline }: GivenOption, command: Command): string | true {
  const { type, choices, value: stands } = optionRow(name);
  const label = optionLabel(name);
  if (type === "boolean") {
    if (value !== undefined) throw new UsageError(`${label} takes no value.`, command.name);
    return true;
  }
  // A forgotten value must not swallow the option after it; a value that does begin with a dash is given with "=".
  if (value === undefined || value === "" || (!inline && value.startsWith("-") && value !== "-")) {
    throw new UsageError(`${label} wants a value: ${label} ${choices?.join("|") ?? stands}.`, command.name);
  }
  if (choices !== undefined) checkChoice(label, value, choices, command);
  return value;
}

/** `-o json` is `--json`, and `-v` is `--log-level debug`. */
function mergeCompanions(values: Values, command: Command): void {
  const { format, verbose, json, "log-level": level } = values;
  if (json && format === "table") {
    throw new UsageError("--json and --output table contradict each other.", command.name);
  }
  if (verbose && level !== undefined && level !== "debug") {
    throw new UsageError(`--verbose and --log-level ${level} contradict each other.`, command.name);
  }
  if (format === "json") values["json"] = true;
  if (verbose) values["log-level"] = "debug";
  delete values["format"];
  delete values["verbose"];
}

/** Checks the words after the command. Those that stand for an option become its value; the others are given back. */
function readPositionals(given: readonly string[], values: Values, command: Command): readonly string[] {
  const wanted = command.positionals;
  const rest = given.filter((value, index) => {
    const last = wanted.at(-1);
    const row = wanted[index] ?? (last?.many ? last : undefined);
    if (row === undefined) {
      if (wanted.some((positional) => positional.command)) return true;
      throw notTaken(value, command);
    }
    if (row.choices !== undefined) checkChoice(row.name, value, row.choices, command);
    if (row.standsFor === undefined) return true;
    takeFor(row.standsFor, value, values, command);
    return false;
  });
  const missing = wanted[given.length];
  if (missing !== undefined && missing.optional !== true) {
    throw new UsageError(`"${command.name}" wants ${positionalUsage(missing)}.`, command.name);
  }
  return rest;
}

function takeFor(name: "config" | "socket", value: string, values: Values, command: Command): void {
  if (!looksLikeFile(value)) throw notTaken(value, command);
  if (name === "socket" && /\.(ya?ml|json)$/.test(value)) {
    throw new UsageError(
      `"${command.name}" takes a socket, and a configuration with --config ${printable(value)}.`,
      command.name,
    );
  }
  if (Object.hasOwn(values, name)) {
    throw new UsageError(`${optionLabel(name)} is given twice: once as "${printable(value)}".`, command.name);
  }
  values[name] = value;
}

/** A word that the command has no place for; it may be an option whose dashes were forgotten. */
function notTaken(value: string, command: Command): UsageError {
  const shown = printable(value);
  const near = shown === "help"
    ? ` Did you mean "trousseau help ${command.name}"?`
    : didYouMean(shown, acceptedOptions(command.options).map(optionLabel));
  const file = command.positionals.some(({ standsFor }) => standsFor === "config") && near === ""
    ? ` A configuration in this folder is written ./${shown}.`
    : "";
  return new UsageError(`"${command.name}" does not take "${shown}".${near}${file}`, command.name);
}

function checkChoice(what: string, value: string, choices: readonly string[], command: Command): void {
  if (choices.includes(value)) return;
  const near = didYouMean(value, choices);
  throw new UsageError(
    `${what} is one of ${choices.join(", ")}, and not "${printable(value)}".${near}`,
    command.name,
  );
}

/** How a command is called, in one line: `trousseau check [FILE] [OPTIONS]`. */
export function shortUsage({ name, positionals }: Pick<Command, "name" | "positionals">): string {
  return ["trousseau", name, ...positionals.map(positionalUsage), "[OPTIONS]"].join(" ");
}

/** A positional as it stands in a usage line. */
export function positionalUsage(positional: Positional): string {
  const stands = (positional.choices?.join("|") ?? positional.name) + (positional.many ? "…" : "");
  return positional.optional ? `[${stands}]` : stands;
}
