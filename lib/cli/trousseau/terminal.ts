/**
 * The terminal, the environment, the files and the clock for commands of `trousseau`.
 *
 * @module
 */
import type { Clock } from "../../base/clock.ts";
import type { Reloads } from "../../base/reloads.ts";
import type { Environment } from "../../config/environment.ts";
import type { Files } from "../../config/files.ts";
import type { Call, Command } from "../command.ts";
import type { Streams } from "../terminal.ts";
import type { OptionName, OptionValues } from "./options.ts";

/** The streams, the environment, the files and the clock of every command of `trousseau`. */
export interface Terminal extends Streams {
  readonly environment: Environment;
  readonly files: Files;
  readonly clock: Clock;
  /** Emits an event at each SIGHUP. */
  readonly reloads: Reloads;
}

/** A call of a command of `trousseau`. */
export type TrousseauCall = Call<OptionValues, Terminal>;

/** A row of the table of `trousseau`. */
export type TrousseauCommand = Command<OptionValues, Terminal, OptionName>;
