/**
 * What a command is: a row of a program's table, and a function that is loaded when it is called.
 *
 * @module
 */
import type { ExitStatus } from "./exit_codes.ts";
import type { SharedValues } from "./options.ts";
import type { Program } from "./program.ts";
import type { Streams } from "./terminal.ts";

/** What a command is run with: arguments that the table has vouched for, and the terminal. */
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
  /** Whether more words of the kind may follow; only the last one may be so. */
  readonly many?: boolean;
  /** Whether it stands for the words of a command or of a topic of the help. */
  readonly command?: boolean;
  /** Whether a shell should offer files. */
  readonly files?: boolean;
  /** The option that the word stands for. Only a word with a `/` or a `.` in it does: a mistyped word is no file. */
  readonly standsFor?: "config" | "socket";
}

/** A line to type, and what it does. */
export interface Example {
  readonly line: string;
  readonly does: string;
}

/** One row of the table: what help, completions and the parser are made of. */
export interface Command<
  Values = SharedValues,
  Terminal extends Streams = Streams,
  Option extends string = string,
> {
  /** Any number of words, as in `keys rotate`. */
  readonly name: string;
  /** Half a line for the list of commands. */
  readonly summary: string;
  /** What a person must know before they run it. */
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

/** Arguments that do not make sense; the message says which and what would. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  /** The words of the command that was meant, as far as they were understood. */
  readonly command: string | undefined;

  constructor(message: string, command?: string) {
    super(message);
    this.command = command;
  }
}
