/**
 * The configuration that a command works with.
 *
 * @module
 */
import type { Config } from "../config/config.ts";
import { embeddedConfig } from "../config/defaults.ts";
import { realFiles } from "../config/files.ts";
import { loadConfig } from "../config/load.ts";
import type { Call } from "./command.ts";
import { socketPath } from "./socket_path.ts";

/**
 * The file of `--config`, else that of `$TROUSSEAU_CONFIG`, else the embedded default.
 *
 * @throws {KmsError} `config`
 */
export function configured({ options, terminal: { environment } }: Call): Promise<Config> {
  const file = options.config ?? environment.get("TROUSSEAU_CONFIG");
  return file === undefined ? embeddedConfig(environment, realFiles) : loadConfig(file, environment);
}

/**
 * The path of `--socket`, else that of the configuration.
 *
 * @throws {UsageError | KmsError} for a path that cannot be, and for a configuration that is wrong.
 */
export async function configuredSocket(call: Call): Promise<string> {
  return call.options.socket === undefined ? (await configured(call)).socket.path : socketPath(call.options.socket);
}
