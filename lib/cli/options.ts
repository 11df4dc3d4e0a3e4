/**
 * The types of options. Each program has its own table. A row has the same meaning for all commands that accept it.
 *
 * @module
 */

/** A row of a program's table of options. */
export interface OptionRow {
  /** `boolean`: a flag without a value. */
  readonly type: "boolean" | "string";
  /** The letter of its short form. */
  readonly short?: string;
  /** The typed name if it differs from the name of the row: two commands can use one name for different options. */
  readonly long?: string;
  /** The placeholder of the value in a usage line, for instance `FILE`. */
  readonly value?: string;
  /** Whether it can be given several times; its value is then a list. */
  readonly many?: boolean;
  /** The only values that are accepted. */
  readonly choices?: readonly string[];
  /** Whether a shell should offer files. */
  readonly files?: boolean;
  /** A phrase for the list of options. */
  readonly summary: string;
}

/** A program's options by name, without dashes. */
export type OptionTable = Readonly<Record<string, OptionRow>>;

/** The values of the options of a table. */
export type ValuesOf<Table extends OptionTable> = {
  readonly [Name in keyof Table]?: Table[Name] extends { choices: readonly (infer Choice)[] } ? Choice
    : Table[Name]["type"] extends "boolean" ? true
    : Table[Name] extends { many: true } ? readonly string[]
    : string;
};

/** The options that the parser itself interprets. A program's table contains those that its commands need. */
export const sharedOptions = {
  "json": { type: "boolean", summary: "print JSON for scripts, the same as -o json" },
  "format": {
    type: "string",
    short: "o",
    long: "output",
    value: "FORMAT",
    choices: ["table", "json"],
    summary: "print a table (if not given), or json for scripts",
  },
  "log-level": {
    type: "string",
    value: "LEVEL",
    choices: ["debug", "info", "warn", "error"],
    summary: "what is logged to stderr at the least",
  },
  "verbose": {
    type: "boolean",
    short: "v",
    summary: "the same as --log-level debug; -v without a command prints the version",
  },
  "quiet": { type: "boolean", short: "q", summary: "print nothing; the exit status tells" },
  "version": { type: "boolean", short: "V", summary: "print the version; it stands without a command" },
  "help": { type: "boolean", short: "h", summary: "explain the command" },
} as const satisfies OptionTable;

/** The values of {@linkcode sharedOptions}. */
export type SharedValues = ValuesOf<typeof sharedOptions>;

/** Options that are accepted together with another, for instance `-o json` with `--json`. */
const companions: Readonly<Record<string, string>> = { json: "format", "log-level": "verbose" };

/** All options that a command accepts: those of its row, their companions, and `--help`. */
export function acceptedOptions(options: readonly string[]): readonly string[] {
  const all = options.flatMap((name) => {
    const companion = Object.hasOwn(companions, name) ? companions[name] : undefined;
    return companion === undefined ? [name] : [name, companion];
  });
  return [...all, "help"];
}

/** The row of an option. @throws {Error} if the table does not contain the name: a bug in a table of commands. */
export function optionRow(table: OptionTable, name: string): OptionRow {
  const row = Object.hasOwn(table, name) ? table[name] : undefined;
  if (row === undefined) throw new Error(`The table of options has no row "${name}".`);
  return row;
}

/** The typed name, without dashes. */
export function longName(table: OptionTable, name: string): string {
  return optionRow(table, name).long ?? name;
}

/** The long form, for instance `--output`. */
export function optionLabel(table: OptionTable, name: string): string {
  return `--${longName(table, name)}`;
}

/** The long form with the placeholder of its value, for instance `--config FILE`. */
export function optionUsage(table: OptionTable, name: string): string {
  const { value, choices } = optionRow(table, name);
  const placeholder = choices?.join("|") ?? value;
  const label = optionLabel(table, name);
  return placeholder === undefined ? label : `${label} ${placeholder}`;
}

/** Both forms with the placeholder, for instance `-c, --config FILE`. */
export function optionForms(table: OptionTable, name: string): string {
  const { short } = optionRow(table, name);
  const usage = optionUsage(table, name);
  return short === undefined ? `    ${usage}` : `-${short}, ${usage}`;
}
