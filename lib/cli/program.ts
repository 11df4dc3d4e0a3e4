/**
 * Making a program of its tables, and the words that it is called with.
 *
 * @module
 */
import { basename } from "node:path";
import type { Call, Command, Program } from "./command.ts";
import type { ExitStatus } from "./exit_codes.ts";
import type { OptionTable, ValuesOf } from "./options.ts";
import type { Streams } from "./terminal.ts";

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
