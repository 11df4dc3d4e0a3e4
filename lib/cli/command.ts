/**
 * The types of a program and its commands. Parser, help and completions are made of these tables.
 *
 * @module
 */
import type { ExitName, ExitStatus } from "./exit_codes.ts";
import type { OptionTable, SharedValues } from "./options.ts";
import type { Streams } from "./terminal.ts";

/** The argument of a command: options and words that its row allows, and the terminal. */
export interface Call<Values = SharedValues, Terminal extends Streams = Streams> {
  readonly program: Program;
  readonly options: Values;
  /** As many as the command's row asks for. */
  readonly positionals: readonly string[];
  readonly terminal: Terminal;
}

/** A word after the command that is no option. */
export interface Positional {
  /** Its placeholder in a usage line, as in `SHELL`. */
  readonly name: string;
  readonly choices?: readonly string[];
  readonly optional?: boolean;
  /** Whether more words of the kind can follow; only for the last positional. */
  readonly many?: boolean;
  /** Whether it stands for the words of a command or of a topic of the help. */
  readonly command?: boolean;
  /** Whether a shell should offer files. */
  readonly files?: boolean;
  /** The option that the word stands for. Only a word with a `/` or a `.` in it does: a mistyped word is no file. */
  readonly standsFor?: "config" | "socket";
}

/** A command line, and its effect. */
export interface Example {
  readonly line: string;
  readonly does: string;
}

/** One row of a program's table of commands. */
export interface Command<
  Values = SharedValues,
  Terminal extends Streams = Streams,
  Option extends string = string,
> {
  /** Any number of words, as in `keys rotate`. */
  readonly name: string;
  /** Half a line for the list of commands. */
  readonly summary: string;
  /** The facts that a person needs before running it. */
  readonly description: string;
  readonly positionals: readonly Positional[];
  readonly options: readonly Option[];
  readonly examples: readonly Example[];
  /** Whether it reads its configuration again at SIGHUP, which ends every other command. */
  readonly reloads?: boolean;
  /**
   * Loads the command and runs it.
   *
   * @returns the exit status.
   * @throws {KmsError} whose code decides the exit status; {@linkcode UsageError} for arguments that only it can judge.
   */
  run(call: Call<Values, Terminal>): Promise<ExitStatus>;
}

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

/** Arguments that are not accepted. The message names them and the accepted ones. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  /** The words of the command that was meant, as far as they were understood. */
  readonly command: string | undefined;

  constructor(message: string, command?: string) {
    super(message);
    this.command = command;
  }
}
