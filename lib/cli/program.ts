/**
 * Builds a program from its tables, and determines the words of a call.
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

/** Builds a program. A command that uses an option of another table does not compile. */
export function defineProgram<const Table extends OptionTable, Terminal extends Streams>(
  parts: ProgramParts<Table, Terminal>,
): Program<Terminal> {
  // Safe: the parser takes the values for a command from this table.
  return parts as unknown as Program<Terminal>;
}

/**
 * The words of a call: those of a link's name, then the arguments.
 *
 * @param argv0 the name with which the program was called, with or without a path.
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
