/**
 * Prints the result of a command: a table, JSON or YAML.
 *
 * @module
 */
import { yamlText } from "../../../base/yaml_text.ts";
import { line } from "../../terminal.ts";
import { type Cell, table } from "../../table.ts";
import type { ClectlCall } from "../options.ts";
import { visibleLines, writeText } from "./visible.ts";

/** Prints a document as JSON or YAML, if the options say so. @returns whether they did. */
export async function printedDocument({ options, terminal }: ClectlCall, value: unknown): Promise<boolean> {
  const { stdout } = terminal;
  if (options.format === "yaml" || options.valueFormat === "yaml") {
    writeText(stdout, yamlText(await import("../yaml_package.ts"), value));
    return true;
  }
  if (!options.json) return false;
  const text = stdout.isTerminal ? JSON.stringify(value, null, 2) : JSON.stringify(value);
  // JSON.stringify escapes C0 control characters alone; the other escapes of visibleLines are JSON too.
  line(stdout, stdout.isTerminal ? visibleLines(text) : text);
  return true;
}

/** Prints a document, or the table. */
export async function printRows(
  call: ClectlCall,
  value: unknown,
  header: readonly string[],
  rows: readonly (readonly Cell[])[],
): Promise<void> {
  if (await printedDocument(call, value)) return;
  call.terminal.stdout.write(table(header, rows, false));
}

/** Prints a document, or one sentence. */
export async function printSentence(call: ClectlCall, value: unknown, sentence: string): Promise<void> {
  if (await printedDocument(call, value) || call.options.quiet) return;
  line(call.terminal.stdout, visibleLines(sentence));
}
