/**
 * What a subcommand is: a row of the table in `commands.ts`, and a function that is loaded when it is called.
 *
 * @module
 */
import type { ExitStatus } from "./exit_codes.ts";
import type { OptionName, OptionValues } from "./options.ts";
import type { Terminal } from "./terminal.ts";

/** What a command is run with: arguments that the table has vouched for, and the terminal. */
export interface Call {
  readonly options: OptionValues;
  /** As many as the command's row asks for. */
  readonly positionals: readonly string[];
  readonly terminal: Terminal;
}

/** A word after the command that is no option. */
export interface Positional {
  /** What stands for it in a usage line, as in `SHELL`. */
  readonly name: string;
  readonly choices?: readonly string[];
  readonly optional?: boolean;
  /** Whether more words of the kind may follow; only the last one may be so. */
  readonly many?: boolean;
  /** Whether it stands for one or two words that name a command or a topic of the help. */
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
export interface Command {
  /** One word, or two as in `keys rotate`. */
  readonly name: string;
  /** Half a line for the list of commands. */
  readonly summary: string;
  /** What a person must know before they run it. */
  readonly description: string;
  readonly positionals: readonly Positional[];
  readonly options: readonly OptionName[];
  readonly examples: readonly Example[];
  /** Whether it reads its configuration again at SIGHUP, which ends every other command. */
  readonly reloads?: boolean;
  /**
   * Loads the command and runs it.
   *
   * @returns the exit status.
   * @throws {KmsError} whose code decides the exit status; {@linkcode UsageError} for arguments that only it can judge.
   */
  readonly run: (call: Call) => Promise<ExitStatus>;
}

/** Arguments that do not make sense; the message says which and what would. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  /** The command that was meant, as far as it was understood. */
  readonly command: string | undefined;

  constructor(message: string, command?: string) {
    super(message);
    this.command = command;
  }
}
