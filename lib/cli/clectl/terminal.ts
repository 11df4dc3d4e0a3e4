/**
 * The terminal of a command of `clectl`.
 *
 * @module
 */
import { type Clock, systemClock } from "../../base/clock.ts";
import { type Input, processInput } from "../secret_input.ts";
import type { Streams } from "../terminal.ts";
import { type ClientEnvironment, processVariables } from "./environment.ts";

/** The streams, standard input, the environment and the clock. */
export interface ClectlTerminal extends Streams {
  readonly input: Input;
  readonly environment: ClientEnvironment;
  readonly clock: Clock;
  /** Writes bytes to standard output, all of them before it returns. */
  writeBytes(bytes: Uint8Array): void;
}

/** The terminal of this process. */
export function processTerminal(streams: Streams): ClectlTerminal {
  return {
    ...streams,
    input: processInput(),
    environment: processVariables(),
    clock: systemClock,
    writeBytes(bytes) {
      for (let rest = bytes; rest.length > 0;) rest = rest.subarray(Deno.stdout.writeSync(rest));
    },
  };
}
