/**
 * Figures that a scenario measured.
 *
 * @module
 */

/** Prints a figure on its own line, also if the test fails later. */
export function printFigure(name: string, figure: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`figure: ${name}: ${figure}\n`));
}

/** Formats a duration: in milliseconds below one second, otherwise in seconds with one decimal. */
export function duration(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(0)} ms` : seconds(ms);
}

/** Seconds with one decimal. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** Prints lines with the seconds since it was made: the progress of a test that takes minutes. */
export function progressLines(): (text: string) => void {
  const start = performance.now();
  return (text) => {
    Deno.stdout.writeSync(new TextEncoder().encode(`${seconds(performance.now() - start).padStart(8)}: ${text}\n`));
  };
}
