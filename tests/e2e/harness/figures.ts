/**
 * Figures that a scenario measured.
 *
 * @module
 */

/** Prints one on a line of its own, whether or not the test goes on to fail. */
export function printFigure(name: string, figure: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`figure: ${name}: ${figure}\n`));
}

/** Milliseconds as they are, or seconds with one decimal from one second on. */
export function duration(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(0)} ms` : seconds(ms);
}

/** Seconds with one decimal. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
