/**
 * The configuration of a plugin with a local key, for tests that start it as a process.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { permissionFlags } from "../../deploy/compile/artefacts.ts";

/** The path of the program. */
export const mainFile = fileURLToPath(new URL("../../main.ts", import.meta.url));

/** Arguments of Deno for `trousseau` from its source, with the permissions of the binary and that to write a folder. */
export function sourceArguments(folder: string, ...words: readonly string[]): string[] {
  return ["run", "--quiet", ...permissionFlags(), `--allow-write=${folder}`, mainFile, ...words];
}

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
