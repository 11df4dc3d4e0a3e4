/**
 * Tables and targets.
 *
 * @module
 */

/** Prints a table. The first column is aligned left, the others right. */
export async function printTable(title: string, head: readonly string[], rows: readonly (readonly string[])[]) {
  const widths = head.map((cell, column) => Math.max(cell.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    row.map((cell, column) => column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))
      .join("  ");
  await print(
    `\n${title}\n${[line(head), widths.map((width) => "-".repeat(width)).join("  "), ...rows.map(line)].join("\n")}`,
  );
}

/** Prints a line. */
export async function print(text: string): Promise<void> {
  await writeWhole(Deno.stdout, text);
}

/** Prints a line on stderr: how far a measurement of seconds or minutes is, and its figures in case it is ended. */
export async function progress(text: string): Promise<void> {
  await writeWhole(Deno.stderr, text);
}

/** A pipe can take a part of a long text at a time. */
async function writeWhole(stream: typeof Deno.stdout | typeof Deno.stderr, text: string): Promise<void> {
  let rest = new TextEncoder().encode(`${text}\n`);
  while (rest.length > 0) rest = rest.subarray(await stream.write(rest));
}

/** The maximum or minimum of a figure. */
export type Bound = { readonly atMost: number } | { readonly atLeast: number };

/** A figure and its required bound. */
export interface Target {
  readonly what: string;
  readonly figure: number;
  readonly unit: string;
  readonly bound: Bound;
}

/** Whether a figure is within a bound. */
export function holds(figure: number, bound: Bound): boolean {
  return "atMost" in bound ? figure <= bound.atMost : figure >= bound.atLeast;
}

/** Whether it was reached. */
export function reached({ figure, bound }: Target): boolean {
  return holds(figure, bound);
}

/** A bound as it is printed, as in `<= 0.7`. */
export function boundText(bound: Bound): string {
  return "atMost" in bound ? `<= ${bound.atMost}` : `>= ${bound.atLeast}`;
}

/** Prints all targets. @returns how many were missed. */
export async function printTargets(targets: readonly Target[]): Promise<number> {
  const rows = targets.map((target) => {
    const { what, figure, unit, bound } = target;
    return [
      what,
      `${figure.toFixed(2)} ${unit}`,
      `${boundText(bound)} ${unit}`,
      reached(target) ? "reached" : "MISSED",
    ];
  });
  await printTable("To reach", ["what", "figure", "target", ""], rows);
  return targets.filter((target) => !reached(target)).length;
}

/** Formats a number with two decimals; with none from 100 on. */
export function number(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}

/** Formats a ratio, as in `1.12x`. */
export function ratio(value: number): string {
  return `${value.toFixed(2)}x`;
}
