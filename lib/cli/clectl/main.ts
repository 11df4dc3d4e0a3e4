/**
 * Entry point of the program `clectl`. It alone ends the process.
 *
 * @module
 */
import process from "node:process";
import { wordsOfCall } from "../program.ts";
import { report, run } from "../run.ts";
import { stopSignal } from "../stop_signal.ts";
import { processOutput } from "../terminal.ts";
import { clectl } from "./program.ts";

const stderr = processOutput(Deno.stderr);

globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  Deno.exit(report(event.reason, stderr, clectl));
});

const { signal } = stopSignal();
const words = wordsOfCall(process.argv0, Deno.args, clectl);
Deno.exit(await run(words, clectl, { stdout: processOutput(Deno.stdout), stderr, signal }));
