/**
 * The frame of an entry point: the arguments, streams and stop signal of the process go in, its exit status comes out.
 *
 * @module
 */
import process from "node:process";
import type { Program } from "./command.ts";
import { exitCodes } from "./exit_codes.ts";
import { wordsOfCall } from "./program.ts";
import { report, run } from "./run.ts";
import { stopSignal } from "./stop_signal.ts";
import { processOutput, type Streams } from "./terminal.ts";

/**
 * Runs the program with the arguments of this process, then ends the process with its exit status. A rejection that no
 * code handles is reported and ends the process too. Nothing else ends it.
 *
 * @param terminalOf completes the terminal before the command is loaded; `stop` is the controller of `streams.signal`.
 */
export async function runProcess<Terminal extends Streams>(
  program: Program<Terminal>,
  terminalOf: (streams: Streams, words: readonly string[], stop: AbortController) => Terminal,
): Promise<never> {
  const stderr = processOutput(Deno.stderr);
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    report(event.reason, stderr, program).then(Deno.exit, () => Deno.exit(exitCodes.internal.status));
  });
  const words = wordsOfCall(process.argv0, Deno.args, program);
  const stop = stopSignal();
  const streams = { stdout: processOutput(Deno.stdout), stderr, signal: stop.signal };
  Deno.exit(await run(words, program, terminalOf(streams, words, stop)));
}
