/**
 * The same look at something, again and again.
 *
 * @module
 */
import type { Clock } from "../../base/clock.ts";
import type { Output } from "../terminal.ts";

/** The look that is repeated, and its interval. */
export interface WatchOptions<Found> {
  /** Looks once; the next look begins `everyMs` after this one has ended, so that no two are ever under way. */
  readonly look: (signal: AbortSignal) => Promise<Found>;
  /** Shows the result of a look. */
  readonly show: (found: Found) => void;
  /** Milliseconds. */
  readonly everyMs: number;
  readonly clock: Clock;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Looks and shows until the signal fires. @returns the last result; `undefined` if there was none. */
export async function watch<Found>({ look, show, everyMs, clock, signal }: WatchOptions<Found>) {
  let last: Found | undefined;
  while (!signal.aborted) {
    const found = await look(signal);
    // An aborted look has no result.
    if (signal.aborted) break;
    last = found;
    show(found);
    await clock.sleep(everyMs, signal);
  }
  return last;
}

/** Writes a text over the one before it if `redraws` is set, as on a terminal; otherwise below it. */
export function redraw(output: Output, text: string, redraws: boolean): void {
  // Cursor home; erase to the end of each line, then to the end of the screen. Clearing it first would flicker.
  output.write(redraws ? `\x1b[H${text.replaceAll("\n", "\x1b[K\n")}\x1b[J` : `${text}\n`);
}
