/**
 * The rows `completions` and `version`, which the command table of every program contains.
 *
 * @module
 */
import type { Call, Command } from "./command.ts";
import type { SharedValues } from "./options.ts";
import type { Streams } from "./terminal.ts";

/** A row that does not depend on the options of a program, except `--json`. */
type SharedCommand = Command<SharedValues, Streams, "json">;

/** The row `completions`. @param program the program's name on the command line. */
export function completionsCommand(program: string): SharedCommand {
  return {
    name: "completions",
    summary: "print completions for a shell",
    description: "The completions are made from the table of commands, so they know all of them.",
    positionals: [{ name: "SHELL", choices: ["bash", "zsh", "fish"] }],
    options: [],
    examples: [
      { line: `source <(${program} completions bash)`, does: "in ~/.bashrc" },
      { line: `${program} completions zsh > ~/.zfunc/_${program}`, does: "a folder in zsh's fpath" },
      { line: `${program} completions fish > ~/.config/fish/completions/${program}.fish`, does: "for fish" },
    ],
    run: async (call: Call) => (await import("./completions.ts")).completions(call),
  };
}

/**
 * The row `version`.
 *
 * @param program the program's name on the command line.
 * @param product the name in the description, for instance `Trousseau`.
 */
export function versionCommand(program: string, product: string): SharedCommand {
  return {
    name: "version",
    summary: "print the version",
    description: `Prints the version of ${product}, and with --json those of the runtime inside it too.`,
    positionals: [],
    options: ["json"],
    examples: [{ line: `${program} version --json`, does: "for a script or a bug report" }],
    run: async (call: Call) => (await import("./version.ts")).printVersion(call),
  };
}
