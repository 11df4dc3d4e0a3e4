/**
 * The output of a comparison: one JSON document, or tables.
 *
 * @module
 */
import { boundText, number, print, printTable, progress, ratio } from "../report.ts";
import type { ComparedRow } from "./pairs.ts";
import { type FigureName, type RatioName, sideNames } from "./rows.ts";

/** The document. */
export interface ComparisonDocument {
  readonly machine: {
    readonly cores: number;
    readonly deno: string;
    /** The average number of processes that wanted a core. */
    readonly load: { readonly before: number; readonly after: number };
  };
  /** The other commit. */
  readonly revision: string;
  /** Number of pairs of each row. */
  readonly pairs: number;
  readonly rows: readonly ComparedRow[];
}

/** One target of a row with its figure. */
export interface JudgedTarget {
  readonly row: string;
  readonly name: string;
  /** `undefined` if it could not be measured. */
  readonly figure: number | undefined;
  /** As in `<= 0.7`. */
  readonly bound: string;
  readonly reached: boolean;
}

/** The targets of a row. */
export function targetsOf({ name: row, target, ratios, medians, missed }: ComparedRow): JudgedTarget[] {
  const figures: Readonly<Record<string, number | undefined>> = { ...medians.ours, ...ratios };
  return Object.entries(target).map(([name, bound]) => {
    return { row, name, figure: figures[name], bound: boundText(bound), reached: !missed.includes(name) };
  });
}

/** Prints every pair of a row, and the medians. */
export async function printRow(
  { name, unit, pairs, medians, ratios, target, peerName, failure }: ComparedRow,
): Promise<void> {
  if (failure !== undefined) return await print(`\n${name} was not measured: ${failure}`);
  const sides = sideNames.filter((side) => side in medians);
  const figures = Object.keys(medians.ours ?? {}) as FigureName[];
  const rated = [...new Set([...Object.keys(target), "toBase"])].filter((one) => one in ratios) as RatioName[];
  const line = (label: string, taken: ComparedRow["medians"], rates: typeof ratios) => [
    label,
    ...figures.flatMap((figure) => sides.map((side) => cell(taken[side]?.[figure], number))),
    ...rated.map((one) => cell(rates[one], ratio)),
  ];
  const head = ["pair", ...figures.flatMap((figure) => sides.map((side) => `${figure} ${side}`)), ...rated];
  const lines = pairs.map((pair, index) => line(String(index + 1), pair, pair.ratios));
  const title = peerName === undefined ? name : `${name}, beside ${peerName}`;
  await printTable(`${title} (${unit})`, head, [...lines, line("median", medians, ratios)]);
}

/** Prints the targets of a row on stderr. */
export async function noteTargets(row: ComparedRow): Promise<void> {
  for (const { name, figure, bound, reached } of targetsOf(row)) {
    await progress(
      `${row.name}: ${name} is ${cell(figure, number)}, target ${bound}, ${reached ? "reached" : "MISSED"}`,
    );
  }
}

/** Prints the targets of all rows. */
export async function printJudged(rows: readonly ComparedRow[]): Promise<void> {
  const targets = rows.flatMap(targetsOf);
  const cells = targets.map(({ row, name, figure, bound, reached }) => [
    `${row}: ${name}`,
    cell(figure, number),
    bound,
    reached ? "reached" : "MISSED",
  ]);
  await printTable("To reach", ["what", "figure", "target", ""], cells);
}

function cell(value: number | undefined, text: (value: number) => string): string {
  return value === undefined ? "-" : text(value);
}
