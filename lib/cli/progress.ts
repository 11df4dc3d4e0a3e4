/**
 * Progress messages on stderr for work that takes longer than two seconds.
 *
 * @module
 */
import { systemClock } from "../base/clock.ts";
import type { Streams } from "./terminal.ts";

/** Delay and interval of progress messages, in milliseconds. */
export interface ProgressTimes {
  /** Milliseconds before the first message. */
  readonly after: number;
  /** Milliseconds between messages. */
  readonly every: number;
}

/** Work in progress. Dispose of it when the work ends. */
export interface Progress extends Disposable {
  /** Replaces the description of the current work. */
  update(what: string): void;
}

/**
 * Reports the current work after `after` milliseconds: on a terminal as one line that is overwritten, otherwise as a
 * new line at a longer interval, so that a log stays short.
 */
export function startProgress(
  terminal: Pick<Streams, "stderr">,
  what: string,
  times: ProgressTimes = { after: 2000, every: terminal.stderr.isTerminal ? 1000 : 10_000 },
): Progress {
  const { stderr } = terminal;
  const startedAt = systemClock.now();
  let doing = what;
  let shown = false;
  let timer = setTimeout(show, times.after);
  function show() {
    const seconds = Math.round((systemClock.now() - startedAt) / 1000);
    stderr.write(stderr.isTerminal ? `\r\x1b[K${doing} … ${seconds} s` : `${doing} … ${seconds} s\n`);
    shown = true;
    timer = setTimeout(show, times.every);
  }
  return {
    update(next) {
      doing = next;
    },
    [Symbol.dispose]() {
      clearTimeout(timer);
      if (shown && stderr.isTerminal) stderr.write("\r\x1b[K");
    },
  };
}
