/**
 * A folder with files at the paths of a node, for tests.
 *
 * @module
 */
import { dirname } from "node:path";

/** The folder. Disposing of it removes it. */
export interface HostFolder extends AsyncDisposable {
  readonly root: string;
  /** Writes one more file. @param path absolute, as the node has it. */
  write(path: string, text: string): Promise<void>;
}

/** Writes files. @param files texts by absolute path. */
export async function writeHost(files: Readonly<Record<string, string>>): Promise<HostFolder> {
  const root = await Deno.makeTempDir();
  const write = async (path: string, text: string) => {
    await Deno.mkdir(`${root}${dirname(path)}`, { recursive: true });
    await Deno.writeTextFile(`${root}${path}`, text);
  };
  for (const [path, text] of Object.entries(files)) await write(path, text);
  return { root, write, [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }) };
}
