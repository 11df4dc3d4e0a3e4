/**
 * The log of a command that is not a service, on stderr. It is empty without `--log-level`.
 *
 * @module
 */
import { systemClock } from "../../base/clock.ts";
import type { Notify } from "../../telemetry/events.ts";
import { eventLog } from "../../telemetry/event_log.ts";
import { createLogger, type Fields } from "../../telemetry/log.ts";
import { version } from "../../base/version.ts";
import type { Command } from "../command.ts";
import type { ExitStatus } from "../exit_codes.ts";
import { configFile } from "./configured.ts";
import type { TrousseauCall } from "./terminal.ts";
import { wantsColour } from "../table.ts";

/** Receives events and sentences. It never throws and never blocks. */
export interface CommandLog {
  readonly notify: Notify;
  /** Logs an entry at level debug; `sentence` ends with a full stop. */
  debug(sentence: string, fields?: Fields): void;
}

/** A log that drops all entries. */
export const silentLog: CommandLog = { notify() {}, debug() {} };

/** The log of a call: text on stderr at the level of `--log-level`. */
export function commandLog(
  { options, terminal: { stderr, environment } }: Pick<TrousseauCall, "options" | "terminal">,
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

/** Logs the start of a command and its files. @returns a function that logs its end. */
export async function logRun(
  { name, options }: Pick<Command, "name" | "options">,
  call: TrousseauCall,
): Promise<(status: ExitStatus, durationMs: number) => void> {
  const log = commandLog(call);
  if (options.includes("config")) {
    const configuration = await configFile(call) ?? "none";
    log.debug(`Runs "${name}".`, { version, configuration, socket: call.options.socket });
  }
  return (exitStatus, durationMs) => log.debug(`"${name}" has ended.`, { exitStatus, durationMs });
}
