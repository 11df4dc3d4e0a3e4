/**
 * The command `version` of every program.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { source, version } from "../base/version.ts";
import type { Call } from "./command.ts";
import { exitCodes, type ExitStatus } from "./exit_codes.ts";
import { json, line } from "./terminal.ts";

/** Prints the version: one line, or with `--json` all data for a bug report. */
export async function printVersion({ options, program, terminal }: Call): Promise<ExitStatus> {
  if (options.json) json(terminal.stdout, await versionDocument());
  else line(terminal.stdout, `${program.name} ${version}`);
  return exitCodes.ok.status;
}

/**
 * The data for a bug report.
 *
 * `commit` and `time` are `unknown` only where neither git nor `git archive` has left them.
 */
export async function versionDocument() {
  const { deno, v8 } = Deno.version;
  return { version, ...await sourceFields(), deno, v8, target: Deno.build.target };
}

async function sourceFields() {
  if (source !== undefined) {
    const { commit, time, modified } = source;
    const written = new Date(time * 1000).toISOString().replace(".000", "");
    return { commit, time: written, ...(modified ? { modified } : {}) };
  }
  return { commit: await cloneCommit() ?? "unknown", time: "unknown" };
}

// Staged modules and binaries are JavaScript: only a clone has this file.
async function cloneCommit(): Promise<string | undefined> {
  if (!import.meta.url.endsWith(".ts")) return undefined;
  const { checkedOutCommit } = await import("./checkout.ts");
  return await checkedOutCommit(fileURLToPath(new URL("../..", import.meta.url)));
}
