/**
 * From words to an exit status: finds the command, runs it, and says what went wrong.
 *
 * @module
 */
import { systemClock } from "../base/clock.ts";
import { KmsError } from "../base/errors.ts";
import { version } from "../base/version.ts";
import { parse, type Parsed, shortUsage } from "./arguments.ts";
import { type Call, type Command, UsageError } from "./command.ts";
import { commandLog } from "./trousseau/command_log.ts";
import { exitCodes, type ExitStatus, exitStatus } from "./exit_codes.ts";
import type { OptionValues } from "./options.ts";
import { json, line, type Output, type Terminal } from "./terminal.ts";

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
  let options: OptionValues = {};
  try {
    const parsed = parse(words, commands);
    options = parsed.options;
    return await ran(parsed, terminal);
  } catch (thrown) {
    const failed = failure(thrown, options);
    if (failed !== undefined) json(terminal.stdout, failed);
    return report(thrown, terminal.stderr, commands);
  }
}

async function ran({ command, options, positionals }: Parsed, terminal: Terminal): Promise<ExitStatus> {
  const call: Call = { options, positionals, terminal };
  if (command.reloads) return await command.run(call);
  const log = commandLog(call);
  if (options["log-level"] !== undefined && command.options.includes("config")) {
    const { configFile } = await import("./trousseau/configured.ts");
    log.debug(`Runs "${command.name}".`, {
      version,
      configuration: await configFile(call) ?? "none",
      socket: options.socket,
    });
  }
  const startedAt = systemClock.now();
  const status = await command.run(call);
  log.debug(`"${command.name}" has ended.`, {
    exitStatus: status,
    durationMs: Math.round(systemClock.now() - startedAt),
  });
  return status;
}

/** With `--json`, a failed command prints a document as well. A usage error stays text, for the script's author. */
function failure(thrown: unknown, { json, quiet }: OptionValues): unknown {
  if (!json || quiet || thrown instanceof UsageError) return undefined;
  if (!(thrown instanceof KmsError)) return { ok: false, error: { code: "internal", message: "", causes: [] } };
  const { code, message, members } = thrown;
  return { ok: false, error: { code, message, causes: members.map(({ message }) => message) } };
}

/** Writes the error and returns its exit status. @param commands for the usage line of one of them. */
export function report(thrown: unknown, stderr: Output, commands: readonly Command[] = []): ExitStatus {
  if (thrown instanceof UsageError) {
    const command = commands.find(({ name }) => name === thrown.command);
    line(stderr, `trousseau: ${thrown.message}`);
    line(stderr, `Usage: ${command === undefined ? "trousseau COMMAND [OPTIONS]" : shortUsage(command)}`);
    line(stderr, `Run "${["trousseau help", thrown.command].join(" ").trimEnd()}" to see what there is.`);
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
