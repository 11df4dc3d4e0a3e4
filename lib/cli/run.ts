/**
 * From words to an exit status: finds the command, runs it, and says what went wrong.
 *
 * @module
 */
import { KmsError } from "../errors.ts";
import { parse } from "./arguments.ts";
import { type Command, UsageError } from "./command.ts";
import { exitCodes, type ExitStatus, exitStatus } from "./exit_codes.ts";
import { commandHelp, programHelp } from "./help.ts";
import { line, type Output, type Terminal } from "./output.ts";

/**
 * Runs the command that the words name. It never throws.
 *
 * @param words what stands after the program's name.
 */
export async function run(
  words: readonly string[],
  commands: readonly Command[],
  terminal: Terminal,
): Promise<ExitStatus> {
  try {
    const [first] = words;
    if (first === undefined || first === "--help" || first === "-h") {
      terminal.stdout.write(programHelp(commands));
      return exitCodes.ok.status;
    }
    const parsed = parse(first === "--version" ? ["version", ...words.slice(1)] : words, commands);
    if (parsed.options.help) {
      terminal.stdout.write(commandHelp(parsed.command));
      return exitCodes.ok.status;
    }
    return await parsed.command.run({ ...parsed, terminal });
  } catch (thrown) {
    return report(thrown, terminal.stderr);
  }
}

/** Writes what went wrong and gives the exit status for it. */
export function report(thrown: unknown, stderr: Output): ExitStatus {
  if (thrown instanceof UsageError) {
    line(stderr, `trousseau: ${thrown.message}`);
    line(
      stderr,
      `Run "trousseau help${thrown.command === undefined ? "" : ` ${thrown.command}`}" to see what there is.`,
    );
    return exitCodes.usage.status;
  }
  if (!(thrown instanceof KmsError)) {
    line(stderr, "trousseau: This should not have happened. A report of it needs these lines and what was called:");
    line(stderr, whereabouts(thrown));
    return exitCodes.internal.status;
  }
  // Complaints about a configuration begin with file and line, which editors and eyes look for at the line's start.
  line(stderr, thrown.code === "config" ? thrown.message : `trousseau: ${thrown.message}`);
  for (const member of thrown.members) line(stderr, `  ${member.message}`);
  return exitStatus(thrown);
}

/** The kind of a stranger's failure and where it arose, without its message, which may hold anything. */
function whereabouts(thrown: unknown): string {
  if (!(thrown instanceof Error)) return `  ${typeof thrown}`;
  const frames = (thrown.stack ?? "").split("\n").filter((text) => /^\s+at /.test(text));
  return [`  ${thrown.name}`, ...frames].join("\n");
}
