/**
 * Parses the words of a command line into a command and its options. It is strict: a word that is not in the tables is
 * a {@linkcode UsageError}.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { type Command, type Positional, type Program, UsageError } from "./command.ts";
import { commandNamed, findCommand, looksLikeFile } from "./command_words.ts";
import { acceptedOptions, longName, optionLabel, optionRow, type OptionTable, type SharedValues } from "./options.ts";
import { printable } from "./terminal.ts";
import { didYouMean } from "../base/nearest.ts";
import { meantOption, meantWithTwoDashes } from "./suggestion.ts";

/** A command with its options and positional words. */
export interface Parsed {
  readonly command: Command;
  /** Options by their names in the program's table. */
  readonly options: SharedValues;
  readonly positionals: readonly string[];
}

/** An option as typed. */
interface GivenOption {
  /** The long name if the table contains the option, otherwise the typed word without dashes. */
  readonly name: string;
  /** The option with its dashes. */
  readonly typed: string;
  readonly value: string | undefined;
  /** Whether the value is in the same word. */
  readonly inline: boolean;
}

type Values = Record<string, string | true | readonly string[]>;

/**
 * Finds the command that the words name, and parses the other words by its row. Options can be anywhere, also before
 * the command. With `--help` the result is the command `help`, whatever else is wrong, and with `--version` alone
 * `version`.
 *
 * @throws {UsageError}
 */
export function parse(words: readonly string[], program: Program): Parsed {
  refuseOtherStyles(words, program);
  const { given, positionals, before } = split(words, program.options);
  const has = (name: keyof SharedValues) => given.some((option) => option.name === name);
  if (has("help") || words.length === 0) return { command: findCommand(["help"], program), options: {}, positionals };
  if (positionals.length === 0) {
    const rest = given.filter(({ name }) => name !== "version" && name !== "verbose");
    if (rest.length < given.length) return parsed(findCommand(["version"], program), rest, [], program);
  }
  const known = longNames(program.options);
  const unknown = before.find(({ name }) => !known.includes(name));
  if (unknown !== undefined) throw unknownOption(unknown, program);
  const command = findCommand(positionals, program);
  return parsed(command, given, positionals.slice(command.name.split(" ").length), program);
}

/** The command that the words name, with options before it or not; `undefined` if they name none. It never throws. */
export function commandOf(words: readonly string[], { options, commands }: Program): Command | undefined {
  return commandNamed(split(words, options).positionals, commands);
}

function parsed(
  command: Command,
  given: readonly GivenOption[],
  positionals: readonly string[],
  program: Program,
): Parsed {
  const values = readOptions(given, command, program);
  const rest = readPositionals(positionals, values, command, program);
  mergeCompanions(values, command, program.options);
  return { command, options: values as SharedValues, positionals: rest };
}

/** Separates options from other words; also returns the options before the first other word. */
function split(words: readonly string[], table: OptionTable) {
  const { tokens } = parseArgs({ args: [...words], options: parserOptions(table), strict: false, tokens: true });
  const given: GivenOption[] = [];
  const positionals: string[] = [];
  const before: GivenOption[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const inline = token.inlineValue ?? false;
    // `-c=FILE`, a form that other tools accept.
    const value = inline && !token.rawName.startsWith("--") ? token.value?.replace(/^=/, "") : token.value;
    const option = { name: token.name, typed: token.rawName, value, inline };
    given.push(option);
    if (positionals.length === 0) before.push(option);
  }
  return { given, positionals, before };
}

function parserOptions(table: OptionTable): Record<string, { type: "boolean" | "string"; short?: string }> {
  return Object.fromEntries(
    Object.entries(table).map(([name, { type, short }]) => {
      return [longName(table, name), short === undefined ? { type } : { type, short }];
    }),
  );
}

function longNames(table: OptionTable): readonly string[] {
  return Object.keys(table).map((name) => longName(table, name));
}

/**
 * Refuses two forms of other tools that would be misinterpreted: a long option with one dash, in which an `h` would
 * mean help, and a level after `-v`.
 */
function refuseOtherStyles(words: readonly string[], { options, habits }: Program): void {
  const shortNames = Object.values(options).map(({ short }) => short);
  const end = words.indexOf("--");
  const read = end < 0 ? words : words.slice(0, end);
  read.forEach((word, index) => {
    const [, long] = /^-([a-z][a-z-]+)(?:=.*)?$/.exec(word) ?? [];
    const meant = long === undefined ? undefined : meantWithTwoDashes(long, longNames(options), habits);
    if (meant !== undefined) throw new UsageError(`A long option has two dashes: ${meant}, not -${long}.`);
    if (long !== undefined && !shortNames.includes(long.charAt(0))) {
      throw new UsageError(`There is no option -${printable(long)}.`);
    }
    const apart = word === "-v" && /^\d+$/.test(read[index + 1] ?? "");
    if (Object.hasOwn(options, "verbose") && (apart || /^--?v(erbose)?=?\d+$/.test(word))) {
      throw new UsageError("-v takes no number; -v alone is --log-level debug.");
    }
  });
}

function readOptions(given: readonly GivenOption[], command: Command, program: Program): Values {
  const values: Values = {};
  for (const option of given) {
    const name = knownOption(option, command, program);
    const value = optionValue(name, option, command, program.options);
    if (value !== true && optionRow(program.options, name).many) {
      const before = values[name];
      values[name] = [...(Array.isArray(before) ? before : []), value];
      continue;
    }
    // A repeated flag changes nothing. Of two values one would be ignored silently.
    if (value !== true && Object.hasOwn(values, name)) {
      const label = optionLabel(program.options, name);
      throw new UsageError(`${label} is given twice.`, command.name);
    }
    values[name] = value;
  }
  return values;
}

function knownOption(option: GivenOption, command: Command, program: Program): string {
  const accepted = acceptedOptions(command.options);
  const found = accepted.find((name) => longName(program.options, name) === option.name);
  if (found !== undefined) return found;
  throw unknownOption(option, program, command);
}

function unknownOption({ name, typed }: GivenOption, { options, habits }: Program, command?: Command): UsageError {
  const { refusedOptions = {} } = habits;
  const refusal = Object.hasOwn(refusedOptions, name) ? refusedOptions[name] : undefined;
  if (refusal !== undefined) return new UsageError(refusal, command?.name);
  const accepted = command === undefined ? Object.keys(options) : acceptedOptions(command.options);
  const labels = accepted.map((one) => optionLabel(options, one));
  const shown = printable(typed);
  const subject = command === undefined ? `There is no option ${shown}` : `"${command.name}" has no option ${shown}`;
  const positive = name.startsWith("no-") ? `--${name.slice(3)}` : "";
  if (labels.includes(positive)) return new UsageError(`${subject}; leave out ${positive} instead.`, command?.name);
  return new UsageError(`${subject}.${meantOption(shown, labels, habits)}`, command?.name);
}

function optionValue(
  name: string,
  { value, inline }: GivenOption,
  command: Command,
  table: OptionTable,
): string | true {
  const { type, choices, value: placeholder } = optionRow(table, name);
  const label = optionLabel(table, name);
  if (type === "boolean") {
    if (value !== undefined) throw new UsageError(`${label} takes no value.`, command.name);
    return true;
  }
  // If a value is missing, the option after it must not be taken as the value; a value that begins with a dash requires
  // "=".
  if (value === undefined || value === "" || (!inline && value.startsWith("-") && value !== "-")) {
    throw new UsageError(`${label} wants a value: ${label} ${choices?.join("|") ?? placeholder}.`, command.name);
  }
  if (choices !== undefined) checkChoice(label, value, choices, command);
  return value;
}

/**
 * Replaces `-o json` by `--json`, and `-v` by `--log-level debug`. Another row than `format` with the long name `output`
 * sets `json` too, and stays.
 */
function mergeCompanions(values: Values, command: Command, table: OptionTable): void {
  const { verbose, json, "log-level": level } = values;
  const output = Object.keys(values).find((name) => longName(table, name) === "output");
  const format = output === undefined ? undefined : values[output];
  if (json && format !== undefined && format !== "json") {
    throw new UsageError(`--json and --output ${format} contradict each other.`, command.name);
  }
  if (verbose && level !== undefined && level !== "debug") {
    throw new UsageError(`--verbose and --log-level ${level} contradict each other.`, command.name);
  }
  if (format === "json") values["json"] = true;
  if (verbose) values["log-level"] = "debug";
  if (format === "json" || format === "table") delete values["format"];
  delete values["verbose"];
}

/** Validates the positional words, and sets the options that words stand for. @returns the other words. */
function readPositionals(
  given: readonly string[],
  values: Values,
  command: Command,
  program: Program,
): readonly string[] {
  const wanted = command.positionals;
  const rest = given.filter((value, index) => {
    const last = wanted.at(-1);
    const row = wanted[index] ?? (last?.many ? last : undefined);
    if (row === undefined) {
      if (wanted.some((positional) => positional.command)) return true;
      throw notTaken(value, command, program);
    }
    if (row.choices !== undefined) checkChoice(row.name, value, row.choices, command);
    if (row.standsFor === undefined) return true;
    takeFor(row.standsFor, value, values, command, program);
    return false;
  });
  const missing = wanted[given.length];
  if (missing !== undefined && missing.optional !== true) {
    throw new UsageError(`"${command.name}" wants ${positionalUsage(missing)}.`, command.name);
  }
  return rest;
}

function takeFor(
  name: "config" | "socket",
  value: string,
  values: Values,
  command: Command,
  program: Program,
): void {
  if (!looksLikeFile(value)) throw notTaken(value, command, program);
  if (name === "socket" && /\.(ya?ml|json)$/.test(value)) {
    throw new UsageError(
      `"${command.name}" takes a socket, and a configuration with --config ${printable(value)}.`,
      command.name,
    );
  }
  if (Object.hasOwn(values, name)) {
    const label = optionLabel(program.options, name);
    throw new UsageError(
      `${label} is given twice: once as "${printable(value)}".`,
      command.name,
    );
  }
  values[name] = value;
}

/** The error for a word that the command does not accept; it suggests a similar option. */
function notTaken(value: string, command: Command, program: Program): UsageError {
  if (command.hidesWords) return new UsageError(`"${command.name}" takes no further word.`, command.name);
  const shown = printable(value);
  const near = shown === "help"
    ? ` Did you mean "${program.name} help ${command.name}"?`
    : didYouMean(shown, acceptedOptions(command.options).map((name) => optionLabel(program.options, name)));
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

/** The usage of a command in one line: `trousseau check [FILE] [OPTIONS]`. */
export function shortUsage(program: string, { name, positionals }: Pick<Command, "name" | "positionals">): string {
  return [program, name, ...positionals.map(positionalUsage), "[OPTIONS]"].join(" ");
}

/** A positional in a usage line. */
export function positionalUsage(positional: Positional): string {
  const stands = (positional.choices?.join("|") ?? positional.name) + (positional.many ? "…" : "");
  return positional.optional ? `[${stands}]` : stands;
}
