/**
 * The types of a program and its commands. The parser, the help and the completions use these tables.
 *
 * @module
 */
import type { ExitName, ExitStatus } from "./exit_codes.ts";
import type { OptionTable, SharedValues } from "./options.ts";
import type { Streams } from "./terminal.ts";

/** The argument of a command: the options and words that its row permits, and the terminal. */
export interface Call<Values = SharedValues, Terminal extends Streams = Streams> {
  readonly program: Program;
  readonly options: Values;
  /** The positional words, as many as the command's row permits. */
  readonly positionals: readonly string[];
  readonly terminal: Terminal;
}

/** A positional word after the command. */
export interface Positional {
  /** Its placeholder in a usage line, for instance `SHELL`. */
  readonly name: string;
  /** The only words that are accepted. */
  readonly choices?: readonly string[];
  /** Whether the word can be omitted. */
  readonly optional?: boolean;
  /** Whether more words of this kind can follow; only for the last positional. */
  readonly many?: boolean;
  /** Whether it contains the words of a command or of a help topic. */
  readonly command?: boolean;
  /** Whether a shell should offer files. */
  readonly files?: boolean;
  /** The option that the word replaces. Only a word with a `/` or a `.` does, because a mistyped word is not a file. */
  readonly standsFor?: "config" | "socket";
}

/** A command line, and its effect. */
export interface Example {
  /** The command line. */
  readonly line: string;
  /** Its effect, as a phrase. */
  readonly does: string;
}

/** One row of a program's table of commands. */
export interface Command<
  Values = SharedValues,
  Terminal extends Streams = Streams,
  Option extends string = string,
> {
  /** One or more words, for instance `keys rotate`. */
  readonly name: string;
  /** A phrase for the list of commands. */
  readonly summary: string;
  /** The facts that a person needs before running the command. */
  readonly description: string;
  readonly positionals: readonly Positional[];
  /** The options that it accepts, by their names in the table. */
  readonly options: readonly Option[];
  readonly examples: readonly Example[];
  /** Whether a word that the command does not take can be a secret. Messages do not repeat it. */
  readonly hidesWords?: boolean;
  /** Whether the command reads its configuration again at SIGHUP, which ends every other command. */
  readonly reloads?: boolean;
  /**
   * Loads and runs the command.
   *
   * @returns the exit status.
   * @throws {KmsError} its code determines the exit status; {@linkcode UsageError} for arguments that the parser cannot
   *   validate.
   */
  run(call: Call<Values, Terminal>): Promise<ExitStatus>;
}

/** A help topic that is not a command. */
export interface Topic {
  /** A phrase for the list of topics. */
  readonly summary: string;
  /**
   * The whole text.
   *
   * @param words the words after the topic.
   * @param width maximum length of a line, in characters.
   * @throws {UsageError} for words that the topic does not contain.
   */
  readonly text: (words: readonly string[], program: Program, width: number) => string | Promise<string>;
}

/** Names from other tools. They are suggested, but not accepted. */
export interface Habits {
  /** The command for a word, for instance `start: "serve"`. */
  readonly commands: Readonly<Record<string, string>>;
  /** The command line of another program for a word, for instance `stop: "systemctl stop trousseau"`. */
  readonly otherPrograms: Readonly<Record<string, string>>;
  /** The option, with its dashes, for a name without dashes. */
  readonly options: Readonly<Record<string, string>>;
  /** Sentences that say why there is no option of this name, and what to use. */
  readonly refusedOptions?: Readonly<Record<string, string>>;
}

/** The texts about an exit status. */
export interface ExitRow {
  readonly status: ExitStatus;
  /** A phrase for the list of exit statuses. */
  readonly meaning: string;
  /** A phrase with the remedy, for `help exit-codes`. */
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

/** An error of a known class, as it is reported. */
export interface ReportedError {
  readonly code: string;
  /** One sentence. */
  readonly message: string;
  /** Sentences of the errors that caused it. */
  readonly causes: readonly string[];
  readonly status: ExitStatus;
}

/** A program. */
export interface Program<Terminal extends Streams = Streams> {
  /** Its name on the command line. */
  readonly name: string;
  /** The commands, in the order of the help. */
  readonly commands: readonly Command<SharedValues, Terminal>[];
  readonly options: OptionTable;
  /** Options that completions offer before a command is typed. */
  readonly freeOptions: readonly string[];
  readonly topics: Readonly<Record<string, Topic>>;
  /** The exit statuses that its commands can return. */
  readonly exits: Readonly<Partial<Record<ExitName, ExitRow>>>;
  readonly firstPage: FirstPage;
  readonly habits: Habits;
  /**
   * Names of links to the program, each with the words that it adds: with the row `["keyring", "serve"]`, a link
   * `trousseaud` called with `--json` runs `trousseau keyring serve --json`.
   */
  readonly links: Readonly<Record<string, readonly string[]>>;
  /** Reads errors of the program's own classes. @returns `undefined` for any other error. */
  reportError?(thrown: unknown): ReportedError | undefined;
  /** Logs the start of a command. @returns a function that logs its end, with its duration in milliseconds. */
  logRun?(
    command: Command,
    call: Call<SharedValues, Terminal>,
  ): Promise<(status: ExitStatus, durationMs: number) => void>;
}

/** Invalid arguments. The message names them and the accepted ones. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  /** The words of the intended command, as far as they were recognized. */
  readonly command: string | undefined;

  constructor(message: string, command?: string) {
    super(message);
    this.command = command;
  }
}
