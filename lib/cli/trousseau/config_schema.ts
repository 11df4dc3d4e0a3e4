/**
 * `trousseau config schema`
 *
 * @module
 */
import { configJsonSchema } from "../../config/json_schema.ts";
import { exitCodes, type ExitStatus } from "../exit_codes.ts";
import { line } from "../terminal.ts";
import type { TrousseauCall } from "./terminal.ts";

/** Prints the JSON Schema, indented for saving it to a file. */
export function printConfigSchema({ terminal }: TrousseauCall): Promise<ExitStatus> {
  line(terminal.stdout, JSON.stringify(configJsonSchema(), null, 2));
  return Promise.resolve(exitCodes.ok.status);
}
