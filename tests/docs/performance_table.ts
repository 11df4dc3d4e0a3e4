/**
 * The table of targets in `docs/performance.md`, made of a measurement: `deno task docs:performance FILE` takes the
 * document that `deno task bench --against REV --json` printed.
 *
 * @module
 */
import { join } from "node:path";
import { type ComparisonDocument, targetsOf } from "../bench/comparison/document.ts";
import { parseDocument } from "../bench/comparison/document_schema.ts";
import { type ComparedRow, failedRow } from "../bench/comparison/pairs.ts";
import { rowNames } from "../bench/comparison/rows.ts";
import { number } from "../bench/report.ts";
import { markdownTable } from "../support/markdown_table.ts";

/** The page. */
export const performancePage = "docs/performance.md";

const [begin, end] = ["<!-- table of targets -->\n", "\n<!-- /table of targets -->"];

/**
 * The page with the table of a measurement. A row that was not measured is missed; without a measurement, none is.
 *
 * @throws {Error} if the page lacks the marks.
 */
export function withPerformanceTable(page: string, measurement?: ComparisonDocument): string {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`Cannot write ${performancePage}: the marks of the table are missing.`);
  const measured = new Map(measurement?.rows.map((row) => [row.name, row]));
  const lines = rowNames.flatMap((name) => linesOf(measured.get(name) ?? failedRow(name, "")));
  const head = ["row", "this", "base", "floor or peer", "compared", "target", ""];
  return `${page.slice(0, from)}${begin}\n${titleOf(measurement)}\n\n${markdownTable(head, lines)}\n${page.slice(to)}`;
}

function titleOf(measurement: ComparisonDocument | undefined): string {
  if (measurement === undefined) return "Not measured yet.";
  const { machine: { cores, load }, revision, pairs } = measurement;
  const loads = `with a load average of ${load.before} before and ${load.after} after`;
  return `Medians of ${pairs} pairs with \`${revision}\` on ${cores} cores, ${loads}.`;
}

function linesOf(row: ComparedRow): string[][] {
  const unit = row.unit === "us" ? "µs" : row.unit;
  const shown = (figure: number | null) => figure === null ? "" : `${number(figure)} ${unit}`;
  return targetsOf(row).map(({ name, figure, bound, reached }, index) => {
    const figures = index > 0 ? ["", "", ""] : [shown(row.ours), shown(row.base), shown(row.floor ?? row.peer)];
    const text = figure === undefined ? "not measured" : figure.toFixed(2);
    return [`\`${row.name}\``, ...figures, `\`${name}\` ${text}`, boundWords(bound), reached ? "reached" : "missed"];
  });
}

function boundWords(bound: string): string {
  const [sign, value] = bound.split(" ");
  return `${value} or ${sign === "<=" ? "less" : "more"}`;
}

if (import.meta.main) {
  const [file] = Deno.args;
  if (file === undefined) throw new Error("usage: deno task docs:performance FILE");
  const path = join(new URL("../..", import.meta.url).pathname, performancePage);
  const measurement = parseDocument(await Deno.readTextFile(file));
  await Deno.writeTextFile(path, withPerformanceTable(await Deno.readTextFile(path), measurement));
}
