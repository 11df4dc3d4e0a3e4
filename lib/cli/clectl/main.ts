/**
 * Entry point of the program `clectl`, and of the worker in which it parses the files of an import.
 *
 * @module
 */
import { runProcess } from "../run_process.ts";
import { answerImportTasks, isImportWorker } from "./import/isolated.ts";
import { clectl } from "./program.ts";
import { processTerminal } from "./terminal.ts";

if (isImportWorker()) answerImportTasks();
else await runProcess(clectl, (streams) => processTerminal(streams, import.meta.url));
