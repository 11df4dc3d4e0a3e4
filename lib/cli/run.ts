/**
 * Runs a command line: finds the command, runs it, reports its error, and returns the exit status.
 *
 * @module
 */
import { systemClock } from "../base/clock.ts";
import { KmsError } from "../base/errors.ts";
import { commandOf, parse, type Parsed, shortUsage } from "./arguments.ts";
import { type Call, type Program, type ReportedError, UsageError } from "./command.ts";
import { errorDocument, errorHelpLines, messageAnchors } from "./error_help.ts";
import { exitCodes, type ExitStatus, exitStatus } from "./exit_codes.ts";
import type { SharedValues } from "./options.ts";
import { json, line, type Output, type Streams } from "./terminal.ts";

/**
 * Runs the command that the words name. It never throws.
 *
 * @param words the arguments, without the program's name.
 */
export async function run<Terminal extends Streams>(
  words: readonly string[],
  program: Program<Terminal>,
  terminal: Terminal,
): Promise<ExitStatus> {
  let options: SharedValues = {};
  try {
    const parsed = parse(words, program);
    options = parsed.options;
    return await runParsed(parsed, { program, terminal, options, positionals: parsed.positionals });
  } catch (thrown) {
    const failed = await failure(thrown, options, program);
    if (failed !== undefined) json(terminal.stdout, failed);
    return await report(withCommand(thrown, words, program), terminal.stderr, program);
  }
}

/** The usage error of a command that did not name itself, with the command of the words. */
function withCommand(thrown: unknown, words: readonly string[], program: Program): unknown {
  if (!(thrown instanceof UsageError) || thrown.command !== undefined) return thrown;
  return new UsageError(thrown.message, commandOf(words, program)?.name);
}

async function runParsed({ command }: Parsed, call: Call): Promise<ExitStatus> {
  // A server logs as its configuration says.
  if (command.reloads) return await command.run(call);
  const logEnd = await call.program.logRun?.(command, call);
  const startedAt = systemClock.now();
  const status = await command.run(call);
  logEnd?.(status, Math.round(systemClock.now() - startedAt));
  return status;
}

/**
 * With `--json`, a failed command also prints a document. A usage error stays text, because it is for the author of the
 * script.
 */
async function failure(thrown: unknown, { json, quiet }: SharedValues, program: Program): Promise<unknown> {
  if (!json || quiet || thrown instanceof UsageError) return undefined;
  const reported = reportedError(thrown, program);
  const error = await errorDocument(reported ?? { code: "internal", message: "", causes: [] });
  return { ok: false, error };
}

/** Writes the error and its anchors to stderr. @returns its exit status. */
export async function report(thrown: unknown, stderr: Output, program: Program): Promise<ExitStatus> {
  const { name } = program;
  if (thrown instanceof UsageError) {
    line(stderr, `${name}: ${thrown.message}`);
    for (const text of usageLines(program, thrown.command)) line(stderr, text);
    await nameAnchors([thrown.message], stderr, name);
    return exitCodes.usage.status;
  }
  const reported = reportedError(thrown, program);
  if (reported === undefined) {
    const unexpected = `${name}: This should not have happened. A report of it needs these lines and what was called:`;
    for (const text of [unexpected, stackWithoutMessage(thrown)]) line(stderr, text);
    await nameAnchors([unexpected], stderr, name);
    return exitCodes.internal.status;
  }
  // Errors of a configuration begin with file and line, which editors and readers expect at the beginning of a line.
  const isPlaced = reported.code === "config" && Object.hasOwn(program.options, "config");
  line(stderr, isPlaced ? reported.message : `${name}: ${reported.message}`);
  for (const cause of reported.causes) line(stderr, `  ${cause}`);
  await nameAnchors([reported.message, ...reported.causes], stderr, name);
  return reported.status;
}

async function nameAnchors(messages: readonly string[], stderr: Output, program: string): Promise<void> {
  for (const text of errorHelpLines(program, await messageAnchors(messages))) line(stderr, text);
}

/** The usage and an example of a command, or of a family of commands, or of the program. */
function usageLines({ name, commands, firstPage }: Program, words: string | undefined): readonly string[] {
  const command = commands.find((one) => one.name === words);
  const member = commands.find((one) => words !== undefined && one.name.startsWith(`${words} `));
  const [example] = (command ?? member ?? firstPage).examples;
  const typed = [name, ...(words === undefined ? [] : [words])].join(" ");
  return [
    `Usage: ${command === undefined ? `${typed} COMMAND [OPTIONS]` : shortUsage(name, command)}`,
    ...(example === undefined ? [] : [`Example: ${example.line}`]),
    `Run "${[name, "help", words].join(" ").trimEnd()}" to see what there is.`,
  ];
}

/** The error as the program reports it, or as every program does; `undefined` for an unknown one. */
function reportedError(thrown: unknown, program: Program): ReportedError | undefined {
  if (!(thrown instanceof KmsError)) return program.reportError?.(thrown);
  const { code, message, members } = thrown;
  return { code, message, causes: members.map(({ message }) => message), status: exitStatus(thrown) };
}

/** The class and the stack of an unknown error. Its message is omitted, because it can contain secrets. */
function stackWithoutMessage(thrown: unknown): string {
  if (!(thrown instanceof Error)) return `  ${typeof thrown}`;
  const frames = (thrown.stack ?? "").split("\n").filter((text) => /^\s+at /.test(text));
  return [`  ${thrown.name}`, ...frames].join("\n");
}
