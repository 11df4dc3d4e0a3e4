/**
 * The command `completions SHELL` of every program.
 *
 * @module
 */
import { type Call, type Program, UsageError } from "./command.ts";
import { exitCodes, type ExitStatus } from "./exit_codes.ts";
import { bashCompletions } from "./shells/bash.ts";
import { fishCompletions } from "./shells/fish.ts";
import { zshCompletions } from "./shells/zsh.ts";

/** The script of each shell, by its name. */
export const shellScripts = {
  bash: bashCompletions,
  zsh: zshCompletions,
  fish: fishCompletions,
} as const satisfies Record<
  string,
  (program: Program) => string
>;

function isShell(name: string | undefined): name is keyof typeof shellScripts {
  return name !== undefined && Object.hasOwn(shellScripts, name);
}

/** Prints the script for one shell. */
export function completions({ positionals: [shell], program, terminal }: Call): Promise<ExitStatus> {
  if (!isShell(shell)) throw new UsageError(`There are no completions for "${shell}".`, "completions");
  terminal.stdout.write(shellScripts[shell](program));
  return Promise.resolve(exitCodes.ok.status);
}
