/**
 * What a program is: its commands, its options and its words, in one value that the parser, the help and the completions
 * are made of.
 *
 * @module
 */
import { basename } from "node:path";
import type { Call, Command, Example } from "./command.ts";
import type { ExitName, ExitStatus } from "./exit_codes.ts";
import type { OptionTable, SharedValues, ValuesOf } from "./options.ts";
import type { Streams } from "./terminal.ts";

/** A subject of `help` that is no command. */
export interface Topic {
  /** Half a line for the list of topics. */
  readonly summary: string;
  /**
   * The whole text.
   *
   * @param words that follow the topic.
   * @param width the longest line, in characters.
   * @throws {UsageError} for words that the topic does not have.
   */
  readonly text: (words: readonly string[], program: Program, width: number) => string | Promise<string>;
}

/** Words of other tools. They are suggested, and not accepted. */
export interface Habits {
  /** The command for a word, as in `start: "serve"`. */
  readonly commands: Readonly<Record<string, string>>;
  /** The line of another program for a word, as in `stop: "systemctl stop trousseau"`. */
  readonly otherPrograms: Readonly<Record<string, string>>;
  /** The option, with its dashes, for a name without dashes. */
  readonly options: Readonly<Record<string, string>>;
}

/** An exit status in words. */
export interface ExitRow {
  readonly status: ExitStatus;
  /** Half a line for the list of exit statuses. */
  readonly meaning: string;
  /** Half a line for `help exit-codes`. */
  readonly cure: string;
}

/** The first page of the help. */
export interface FirstPage {
  /** The purpose of the program, in one paragraph. */
  readonly about: string;
  /** Further paragraphs, each under its title. */
  readonly paragraphs: readonly (readonly [title: string, text: string])[];
  readonly examples: readonly Example[];
}

/** One program. */
export interface Program<Terminal extends Streams = Streams> {
  /** As it is typed. */
  readonly name: string;
  /** In the order in which help lists them. */
  readonly commands: readonly Command<SharedValues, Terminal>[];
  readonly options: OptionTable;
  /** Options that completions offer where no command has been typed. */
  readonly freeOptions: readonly string[];
  readonly topics: Readonly<Record<string, Topic>>;
  /** The exit statuses that its commands can return. */
  readonly exits: Readonly<Partial<Record<ExitName, ExitRow>>>;
  readonly firstPage: FirstPage;
  readonly habits: Habits;
  /**
   * Names of links to the program, and the words that each stands for: a link `trousseaud` with the row
   * `["keyring", "serve"]` called with `--json` is `trousseau keyring serve --json`.
   */
  readonly links: Readonly<Record<string, readonly string[]>>;
  /** Logs the start of a command. @returns a function that logs its end, which took that many milliseconds. */
  logRun?(
    command: Command,
    call: Call<SharedValues, Terminal>,
  ): Promise<(status: ExitStatus, durationMs: number) => void>;
}

/** A program whose commands take the options of its own table. */
export interface ProgramParts<Table extends OptionTable, Terminal extends Streams>
  extends Omit<Program<Terminal>, "options" | "commands" | "freeOptions" | "logRun"> {
  readonly options: Table;
  readonly commands: readonly Command<ValuesOf<Table>, Terminal, keyof Table & string>[];
  readonly freeOptions: readonly (keyof Table & string)[];
  logRun?(
    command: Command,
    call: Call<ValuesOf<Table>, Terminal>,
  ): Promise<(status: ExitStatus, durationMs: number) => void>;
}

/** Makes a program; a command that takes an option of another table does not compile. */
export function defineProgram<const Table extends OptionTable, Terminal extends Streams>(
  parts: ProgramParts<Table, Terminal>,
): Program<Terminal> {
  // The parser takes the values that it hands to a command from this very table.
  return parts as unknown as Program<Terminal>;
}

/**
 * The words of a call: those that the name of a link stands for, then the arguments.
 *
 * @param argv0 the name that the program was called by, with its path or without.
 */
export function wordsOfCall(
  argv0: string,
  args: readonly string[],
  { links }: Pick<Program, "links">,
): readonly string[] {
  const name = basename(argv0);
  const leading = Object.hasOwn(links, name) ? links[name] ?? [] : [];
  return [...leading, ...args];
}
