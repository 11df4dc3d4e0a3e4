/**
 * The program: words in, exit status out. Nothing else ends the process.
 *
 * @module
 */
import { commands } from "./lib/cli/commands.ts";
import { processOutput, type Terminal } from "./lib/cli/output.ts";
import { readEnvironment } from "./lib/config/environment.ts";
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
  signal: firstSignal(),
};

Deno.exit(await run(Deno.args, commands, terminal));

/** Fires at the first SIGINT or SIGTERM; a second one ends the process at once. */
function firstSignal(): AbortSignal {
  const controller = new AbortController();
  const signals = ["SIGINT", "SIGTERM"] as const;
  const onSignal = () => {
    for (const name of signals) Deno.removeSignalListener(name, onSignal);
    controller.abort();
  };
  for (const name of signals) Deno.addSignalListener(name, onSignal);
  return controller.signal;
}
