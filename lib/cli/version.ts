/**
 * The command `version` of every program.
 *
 * @module
 */
import { commit, version } from "../base/version.ts";
import type { Call } from "./command.ts";
import { exitCodes, type ExitStatus } from "./exit_codes.ts";
import { json, line } from "./terminal.ts";

/** Prints the version: one line, or with `--json` all data for a bug report. */
export function printVersion({ options, program, terminal }: Call): Promise<ExitStatus> {
  if (options.json) json(terminal.stdout, versionDocument());
  else line(terminal.stdout, `${program.name} ${version}`);
  return Promise.resolve(exitCodes.ok.status);
}

/** The data for a bug report. */
export function versionDocument() {
  const { deno, v8 } = Deno.version;
  return { version, commit: commit ?? null, deno, v8, target: Deno.build.target };
}
