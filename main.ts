/**
 * The program: words in, exit status out. Nothing else ends the process.
 *
 * @module
 */
import { commands } from "./lib/cli/commands.ts";
import { processOutput, type Terminal } from "./lib/cli/output.ts";
import { report, run } from "./lib/cli/run.ts";

const stderr = processOutput(Deno.stderr);

globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  Deno.exit(report(event.reason, stderr));
});

const terminal: Terminal = {
  stdout: processOutput(Deno.stdout),
  stderr,
  variable,
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

// Asked first, since reading without the permission would put a question to whoever sits at the terminal.
function variable(name: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? Deno.env.get(name) : undefined;
}
