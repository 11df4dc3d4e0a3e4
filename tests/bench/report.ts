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
  await Deno.stdout.write(new TextEncoder().encode(`${text}\n`));
}

/** A figure and its required bound. */
export interface Target {
  readonly what: string;
  readonly figure: number;
  readonly unit: string;
  /** The maximum or minimum of the figure. */
  readonly bound: { readonly atMost: number } | { readonly atLeast: number };
}

/** Whether it was reached. */
export function reached({ figure, bound }: Target): boolean {
  return "atMost" in bound ? figure <= bound.atMost : figure >= bound.atLeast;
}

/** Prints all targets. @returns how many were missed. */
export async function printTargets(targets: readonly Target[]): Promise<number> {
  const rows = targets.map((target) => {
    const { what, figure, unit, bound } = target;
    const wanted = "atMost" in bound ? `<= ${bound.atMost}` : `>= ${bound.atLeast}`;
    return [what, `${figure.toFixed(2)} ${unit}`, `${wanted} ${unit}`, reached(target) ? "reached" : "MISSED"];
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
