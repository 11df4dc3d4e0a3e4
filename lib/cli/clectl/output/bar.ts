/**
 * A bar on stderr for work of a known size.
 *
 * @module
 */
import type { Streams } from "../../terminal.ts";

/** A bar. Dispose of it when the work ends; it then disappears. */
export interface Bar extends Disposable {
  /** @param done parts that are done. */
  update(done: number): void;
}

/** Characters of the bar itself. */
const width = 30;

/** Starts a bar. It is shown on a terminal alone, and if the work has more than one step. */
export function startBar({ stderr }: Pick<Streams, "stderr">, what: string, total: number): Bar {
  let isShown = false;
  return {
    update(done) {
      if (!stderr.isTerminal || (done >= total && !isShown)) return;
      const filled = Math.floor(width * Math.min(1, done / Math.max(1, total)));
      stderr.write(`\r\x1b[K${what} [${"#".repeat(filled)}${" ".repeat(width - filled)}] ${done} of ${total}`);
      isShown = true;
    },
    [Symbol.dispose]() {
      if (isShown) stderr.write("\r\x1b[K");
    },
  };
}
