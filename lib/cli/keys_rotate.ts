import { KmsError } from "../errors.ts";
import type { Call } from "./command.ts";
import type { ExitStatus } from "./exit_codes.ts";

export function keysRotate(_call: Call): Promise<ExitStatus> {
  return Promise.reject(new KmsError("internal", "This checkout cannot do that yet."));
}
