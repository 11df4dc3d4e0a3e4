/**
 * The terminal of a command of `clectl`.
 *
 * @module
 */
import { type Clock, systemClock } from "../../base/clock.ts";
import { type Input, processInput } from "../secret_input.ts";
import type { Streams } from "../terminal.ts";
import { type ImportParser, workerParser } from "./import/isolated.ts";
import { type ClientEnvironment, processVariables } from "./environment.ts";

/** The streams, standard input, the environment and the clock. */
export interface ClectlTerminal extends Streams {
  readonly input: Input;
  readonly environment: ClientEnvironment;
  readonly clock: Clock;
  /** Parses a file that is imported. */
  readonly parseImport: ImportParser;
  /** Writes bytes to standard output, all of them before it returns. */
  writeBytes(bytes: Uint8Array): void;
}

/** The terminal of this process. @param entry URL of the entry point, which a worker loads again. */
export function processTerminal(streams: Streams, entry: string): ClectlTerminal {
  return {
    ...streams,
    input: processInput(),
    environment: processVariables(),
    clock: systemClock,
    parseImport: workerParser(entry),
    writeBytes(bytes) {
      for (let rest = bytes; rest.length > 0;) rest = rest.subarray(Deno.stdout.writeSync(rest));
    },
  };
}
