/**
 * `trousseau serve`
 *
 * @module
 */
import { KmsError } from "../errors.ts";
import type { Call } from "./command.ts";
import type { ExitStatus } from "./exit_codes.ts";

/** Serves until the terminal's signal fires. */
export function serve(_call: Call): Promise<ExitStatus> {
  return Promise.reject(new KmsError("internal", "Cannot serve: this checkout has no server yet."));
}
