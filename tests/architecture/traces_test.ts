/**
 * Without traces no module of them is loaded: one import on demand leads to them.
 *
 * @module
 */
import { deepEqual } from "node:assert/strict";
import { sourceFiles } from "./sources.ts";

const modules = /"\.{1,2}\/(?:[^"]*\/)?(?:traces\/[a-z_]+|tracing|span_sender)\.ts"/;

Deno.test("the modules of traces are imported by each other, and on demand when the configuration has them", async () => {
  const importers: string[] = [];
  for (const { path, text } of await sourceFiles()) {
    if (/^lib\/(?:telemetry\/traces\/|app\/(?:tracing|span_sender)\.ts$)/.test(path)) continue;
    for (const line of text.split("\n").filter((line) => modules.test(line) && !line.startsWith("import type "))) {
      importers.push(`${path}: ${line.trim()}`);
    }
  }
  deepEqual(importers, [
    'lib/app/kms_service.ts: return traces === undefined ? undefined : await (await import("./tracing.ts")).openTracing(traces, notify);',
  ]);
});
