/**
 * The configuration of a plugin with a local key, for tests that start it as a process.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/** The path of the program. */
export const mainFile = fileURLToPath(new URL("../../main.ts", import.meta.url));

/**
 * Writes a configuration into a folder. Its socket, state and key file are in the folder too.
 *
 * @param changes other values at the top level.
 */
export async function writeLocalConfig(
  folder: string,
  changes: Readonly<Record<string, unknown>> = {},
): Promise<{ readonly config: string; readonly socket: string }> {
  const [config, socket] = [`${folder}/trousseau.yaml`, `${folder}/kms.sock`];
  const content = {
    socket: { path: socket },
    state: `${folder}/state`,
    telemetry: { listen: "off" },
    providers: [{ name: "local", kind: "local", keyFile: `${folder}/local.keys`, create: true }],
    ...changes,
  };
  await Deno.writeTextFile(config, JSON.stringify(content));
  return { config, socket };
}
