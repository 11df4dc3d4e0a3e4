/**
 * Parses a file in a worker without any permission: code that a prepared file takes over reaches neither files nor the
 * network.
 *
 * @module
 */
import { deadline, orAborted } from "../../../base/deadline.ts";
import { KmsError } from "../../../base/errors.ts";
import type { ImportFormat } from "./readers.ts";
import type { ImportedFile, ReaderOptions } from "./rows.ts";

/** A file to parse. */
export interface ImportTask {
  readonly format: ImportFormat;
  readonly bytes: Uint8Array;
  readonly options: ReaderOptions;
}

/** The rows, or the end of a sentence that says why the file cannot be read. */
export type ImportResultMessage = { readonly file: ImportedFile } | { readonly why: string };

/** Parses a file. It throws nothing but {@linkcode KmsError} `cancelled`, `deadline_exceeded` or `internal`. */
export type ImportParser = (task: ImportTask, signal: AbortSignal) => Promise<ImportResultMessage>;

/** The name of the worker, by which the entry point recognizes it. */
const workerName = "clectl import";

/** Milliseconds for one file. */
const parseMs = 120_000;

/** The parts of a worker's global scope that are used. */
interface WorkerScope {
  readonly name?: unknown;
  postMessage?(message: ImportResultMessage): void;
  addEventListener(type: "message", listener: (event: { readonly data: ImportTask }) => void): void;
}

/** Whether this code runs in such a worker. */
export function isImportWorker(): boolean {
  return "DedicatedWorkerGlobalScope" in globalThis && (globalThis as unknown as WorkerScope).name === workerName;
}

/** Answers tasks in a worker. */
export function answerImportTasks(): void {
  const scope = globalThis as unknown as WorkerScope;
  scope.addEventListener("message", async ({ data }) => scope.postMessage?.(await parsedHere(data)));
}

/** Parses in this thread. */
export async function parsedHere({ format, bytes, options }: ImportTask): Promise<ImportResultMessage> {
  const { importReaders } = await import("./readers.ts");
  try {
    return { file: await importReaders[format](bytes, options) };
  } catch (thrown) {
    // Messages of other errors can repeat the file.
    const isKnown = thrown instanceof Error && thrown.name === "UnreadableImportError";
    return { why: isKnown ? thrown.message : "its reader failed; please report it with a file that shows it" };
  }
}

/** A parser in a worker. @param entry URL of the entry point of the program. */
export function workerParser(entry: string): ImportParser {
  return async (task, signal) => {
    // `--unstable-worker-options` is one of the flags of the program; without it, this throws.
    const options = { type: "module", name: workerName, deno: { permissions: "none" } } as const;
    const worker = new Worker(entry, options as WorkerOptions);
    using limit = deadline(parseMs, signal);
    try {
      return await orAborted(answerOf(worker, task), limit.signal, "read the file");
    } finally {
      worker.terminate();
    }
  };
}

function answerOf(worker: Worker, task: ImportTask): Promise<ImportResultMessage> {
  return new Promise((resolve, reject) => {
    worker.addEventListener("message", ({ data }) => resolve(data));
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      reject(new KmsError("internal", "Cannot read the file: its reader ended early; please report it."));
    });
    worker.postMessage(task);
  });
}
