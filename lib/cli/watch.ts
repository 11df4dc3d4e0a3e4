/**
 * The same look at something, again and again.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import type { Output } from "./output.ts";

/** What is repeated, and how often. */
export interface WatchOptions<Found> {
  /** Looks once; the next look begins `everyMs` after this one has ended, so that no two are ever under way. */
  readonly look: (signal: AbortSignal) => Promise<Found>;
  /** Shows what was found. */
  readonly show: (found: Found) => void;
  /** Milliseconds. */
  readonly everyMs: number;
  readonly clock: Clock;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Looks and shows until the signal fires; what was found last, or `undefined` if nothing was. */
export async function watch<Found>({ look, show, everyMs, clock, signal }: WatchOptions<Found>) {
  let last: Found | undefined;
  while (!signal.aborted) {
    const found = await look(signal);
    // A look that was cut short has seen nothing.
    if (signal.aborted) break;
    last = found;
    show(found);
    await clock.sleep(everyMs, signal);
  }
  return last;
}

/** Writes a text over the one before it where `redraws` says that a person looks on, and below it elsewhere. */
export function redraw(output: Output, text: string, redraws: boolean): void {
  // Home, each line up to its end, and then what is left of a longer text: nothing flickers.
  output.write(redraws ? `\x1b[H${text.replaceAll("\n", "\x1b[K\n")}\x1b[J` : `${text}\n`);
}
