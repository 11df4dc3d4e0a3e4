/**
 * The program `trousseau`: words in, exit status out.
 *
 * @module
 */
import { systemClock } from "./lib/base/clock.ts";
import { Reloads } from "./lib/base/reloads.ts";
import { commandOf } from "./lib/cli/arguments.ts";
import { runProcess } from "./lib/cli/run_process.ts";
import { trousseau } from "./lib/cli/trousseau/program.ts";
import { readEnvironment } from "./lib/config/environment.ts";
import { realFiles } from "./lib/config/files.ts";

await runProcess(trousseau, (streams, words, stop) => {
  const reloads = new Reloads();
  // Asked before the command is loaded: SIGHUP must not end a server that is still starting.
  const reloading = commandOf(words, trousseau)?.reloads ?? false;
  Deno.addSignalListener("SIGHUP", () => {
    if (!reloads.announce() && !reloading) stop.abort();
  });
  return { ...streams, environment: readEnvironment(), files: realFiles, clock: systemClock, reloads };
});
