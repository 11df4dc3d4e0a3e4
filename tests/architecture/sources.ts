/**
 * The source files of the program and their imports.
 *
 * @module
 */
import { dirname, join, relative } from "node:path";

/** The root of the repository, with a slash at its end. */
export const root: string = new URL("../..", import.meta.url).pathname;

/** One file of the program. */
export interface SourceFile {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

/** The files of a folder and of those below it, without tests, sorted by path. */
export async function sourceFiles(folder = "lib"): Promise<readonly SourceFile[]> {
  const paths = (await Array.fromAsync(pathsIn(folder))).sort();
  return await Promise.all(paths.map(async (path) => ({ path, text: await Deno.readTextFile(join(root, path)) })));
}

async function* pathsIn(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(join(root, folder))) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* pathsIn(path);
    else if (path.endsWith(".ts") && !path.endsWith("_test.ts")) yield path;
  }
}

/** The specifiers that a file imports: types, values, re-exports and dynamic imports. */
export function importsOf(text: string): readonly string[] {
  const code = text.replace(/^\s*(?:\/\*[\s\S]*?\*\/|\/\/.*$)/gm, "");
  const found = code.matchAll(/(?:\bfrom\s+|\bimport\s+|\bimport\s*\(\s*)"([^"]+)"/g);
  return [...found].flatMap(([, specifier]) => specifier === undefined ? [] : [specifier]);
}

/** The path of a relative import, from the root of the repository. */
export function targetOf(path: string, specifier: string): string {
  return relative(root, join(root, dirname(path), specifier));
}
