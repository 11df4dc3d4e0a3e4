/**
 * Entry point of the program `clectl`.
 *
 * @module
 */
import { runProcess } from "../run_process.ts";
import { clectl } from "./program.ts";
import { processTerminal } from "./terminal.ts";

await runProcess(clectl, processTerminal);
