/**
 * The log on stderr of a command that does not serve. Without `--log-level` it is empty.
 *
 * @module
 */
import { systemClock } from "../base/clock.ts";
import type { Notify } from "../telemetry/events.ts";
import { eventLog } from "../telemetry/event_log.ts";
import { createLogger, type Fields } from "../telemetry/log.ts";
import type { Call } from "./command.ts";
import { wantsColour } from "./table.ts";

/** Takes events and sentences. It never throws and never waits. */
export interface CommandLog {
  readonly notify: Notify;
  /** An entry at level debug; `sentence` ends with a full stop. */
  debug(sentence: string, fields?: Fields): void;
}

/** Logs nothing. */
export const silentLog: CommandLog = { notify() {}, debug() {} };

/** The log of a call: text on stderr, at the level of `--log-level`. */
export function commandLog(
  { options, terminal: { stderr, environment } }: Pick<Call, "options" | "terminal">,
): CommandLog {
  const { quiet, "log-level": level } = options;
  if (quiet || level === undefined) return silentLog;
  const logger = createLogger({
    level,
    format: "text",
    colours: wantsColour(stderr, environment),
    now: systemClock.wall,
    write: (text) => stderr.write(text),
  });
  return {
    notify: eventLog(logger, systemClock),
    debug: (sentence, fields) => logger.log("debug", sentence, fields),
  };
}
