/**
 * An empty program under the flags of a staged launcher.
 *
 * @module
 */
import { join } from "node:path";

/** The last line of a launcher: its flags in single quotes, then the first module and the arguments of the caller. */
const firstModule = /"[^']*\.js" "\$@"\n$/;

/**
 * The text of a launcher with another first module.
 *
 * @throws {Error} if the text has another form: the program would not be empty.
 */
export function withFirstModule(text: string, path: string): string {
  if (!firstModule.test(text)) throw new Error("Cannot make an empty program: the launcher names no first module.");
  return text.replace(firstModule, () => `"${path}" "$@"\n`);
}

/** Writes a launcher of an empty program beside its module in a folder. @returns its path. */
export async function emptyLauncher(launcher: string, folder: string): Promise<string> {
  const [module, path] = [join(folder, "empty.js"), join(folder, "empty")];
  await Deno.writeTextFile(module, "export {};\n");
  await Deno.writeTextFile(path, withFirstModule(await Deno.readTextFile(launcher), module), { mode: 0o755 });
  return path;
}
