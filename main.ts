/**
 * The program `trousseau`: words in, exit status out. Nothing else ends the process.
 *
 * @module
 */
import process from "node:process";
import { Reloads } from "./lib/base/reloads.ts";
import { commandOf } from "./lib/cli/arguments.ts";
import { wordsOfCall } from "./lib/cli/program.ts";
import { report, run } from "./lib/cli/run.ts";
import { stopSignal } from "./lib/cli/stop_signal.ts";
import { processOutput } from "./lib/cli/terminal.ts";
import { trousseau } from "./lib/cli/trousseau/program.ts";
import { readEnvironment } from "./lib/config/environment.ts";
import { realFiles } from "./lib/config/files.ts";

const stderr = processOutput(Deno.stderr);

globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  Deno.exit(report(event.reason, stderr, trousseau));
});

const words = wordsOfCall(process.argv0, Deno.args, trousseau);
const stop = stopSignal();
const reloads = new Reloads();
// Asked before the command is loaded: SIGHUP must not end a server that is still starting.
const reloading = commandOf(words, trousseau)?.reloads ?? false;
Deno.addSignalListener("SIGHUP", () => {
  if (!reloads.announce() && !reloading) stop.abort();
});

Deno.exit(
  await run(words, trousseau, {
    stdout: processOutput(Deno.stdout),
    stderr,
    environment: readEnvironment(),
    files: realFiles,
    signal: stop.signal,
    reloads,
  }),
);
