/**
 * The program: words in, exit status out. Nothing else ends the process.
 *
 * @module
 */
import { commandWord } from "./lib/cli/arguments.ts";
import type { Command } from "./lib/cli/command.ts";
import { commands } from "./lib/cli/trousseau/commands.ts";
import { Reloads } from "./lib/base/reloads.ts";
import { processOutput, type Terminal } from "./lib/cli/terminal.ts";
import { readEnvironment } from "./lib/config/environment.ts";
import { realFiles } from "./lib/config/files.ts";
import { report, run } from "./lib/cli/run.ts";

const stderr = processOutput(Deno.stderr);

globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  Deno.exit(report(event.reason, stderr));
});

const terminal: Terminal = {
  stdout: processOutput(Deno.stdout),
  stderr,
  environment: readEnvironment(),
  files: realFiles,
  ...signals(rereads(commandWord(Deno.args), commands)),
};

Deno.exit(await run(Deno.args, commands, terminal));

/** Whether a command takes SIGHUP for a reload, also before it has begun to. */
function rereads(word: string | undefined, table: readonly Command[]): boolean {
  return table.some(({ name, reloads }) => reloads && name === word);
}

/**
 * The first SIGINT or SIGTERM fires the signal; a second one ends the process at once. SIGHUP is announced, and ends a
 * command that does not reload as SIGTERM does.
 */
function signals(reloading: boolean): Pick<Terminal, "signal" | "reloads"> {
  const controller = new AbortController();
  const reloads = new Reloads();
  Deno.addSignalListener("SIGHUP", () => {
    if (!reloads.announce() && !reloading) controller.abort();
  });
  const signals = ["SIGINT", "SIGTERM"] as const;
  const onSignal = () => {
    for (const name of signals) Deno.removeSignalListener(name, onSignal);
    controller.abort();
  };
  for (const name of signals) Deno.addSignalListener(name, onSignal);
  return { signal: controller.signal, reloads };
}
