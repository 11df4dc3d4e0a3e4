/**
 * The inputs of a service from its call: the terminal, the signals and the options.
 *
 * @module
 */
import type { RunServiceOptions } from "../../app/run_service.ts";
import type { OpenService } from "../../app/service.ts";
import type { Config } from "../../config/config.ts";
import { wantsColour } from "../table.ts";
import { configuredWithLevel } from "./configured.ts";
import type { TrousseauCall } from "./terminal.ts";

/** The options of `runService` from a call. @param subject see `RunServiceOptions`. */
export function serviceOptions(
  call: TrousseauCall,
  config: Config,
  subject: string,
): Omit<RunServiceOptions<OpenService>, "onServing"> {
  const { environment, reloads, signal, stderr } = call.terminal;
  return {
    config,
    reload: () => configuredWithLevel(call),
    reloads,
    environment,
    takeover: call.options.takeover ?? false,
    colours: wantsColour(stderr, environment),
    subject,
    signal,
  };
}
