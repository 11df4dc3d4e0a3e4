/**
 * Repeats a request and shows its results.
 *
 * @module
 */
import type { Clock } from "../../base/clock.ts";
import type { Output } from "../terminal.ts";

/** The request, and its interval. */
export interface WatchOptions<Found> {
  /** Makes one request. The next one begins `everyMs` after this one has ended, so that two never overlap. */
  readonly look: (signal: AbortSignal) => Promise<Found>;
  /** Shows a result. */
  readonly show: (found: Found) => void;
  /** Milliseconds. */
  readonly everyMs: number;
  readonly clock: Clock;
  /** Ends the repetition. */
  readonly signal: AbortSignal;
}

/** Repeats and shows until the signal is aborted. @returns the last result; `undefined` if there was none. */
export async function watch<Found>({ look, show, everyMs, clock, signal }: WatchOptions<Found>) {
  let last: Found | undefined;
  while (!signal.aborted) {
    const found = await look(signal);
    // An aborted request has no result.
    if (signal.aborted) break;
    last = found;
    show(found);
    await clock.sleep(everyMs, signal);
  }
  return last;
}

/** Writes a text over the previous one if `redraws` is true, as on a terminal; otherwise below it. */
export function redraw(output: Output, text: string, redraws: boolean): void {
  // Cursor home; erase to the end of each line, then to the end of the screen. Clearing the screen first would flicker.
  output.write(redraws ? `\x1b[H${text.replaceAll("\n", "\x1b[K\n")}\x1b[J` : `${text}\n`);
}
