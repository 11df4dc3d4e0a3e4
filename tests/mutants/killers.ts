/**
 * Which test files may notice a change of a source file: those whose imports lead to it, the nearest first.
 *
 * @module
 */
import { dirname, join, normalize } from "node:path";

/** The imports of all files below some folders, each path from the root of the repository. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>;

/** Reads the imports of the product and of the tests that need no server. */
export async function readImports(root: string): Promise<ImportGraph> {
  const graph = new Map<string, readonly string[]>();
  for (const folder of ["lib", "tests/vectors", "tests/support"]) {
    for (const path of await sources(root, folder)) {
      const text = await Deno.readTextFile(join(root, path));
      const imports = [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+\.ts)"/g)].map(([, to = ""]) =>
        normalize(join(dirname(path), to))
      );
      graph.set(path, imports);
    }
  }
  return graph;
}

/**
 * The test files for a source file.
 *
 * @param most how many imports away the source may be.
 * @returns its own test first, then by distance, then by path.
 */
export function killersOf(file: string, graph: ImportGraph, most: number): readonly string[] {
  const own = file.replace(/\.ts$/, "_test.ts");
  const found = [...graph.keys()].filter((path) => path.endsWith("_test.ts")).flatMap((test) => {
    const distance = test === own ? 0 : distanceTo(file, test, graph, most);
    return distance === undefined ? [] : [{ test, distance, far: dirname(test) === dirname(file) ? 0 : 1 }];
  });
  return found.sort((one, other) =>
    one.distance - other.distance || one.far - other.far || (one.test < other.test ? -1 : 1)
  ).map(({ test }) => test);
}

function distanceTo(file: string, from: string, graph: ImportGraph, most: number): number | undefined {
  let layer = new Set([from]);
  const seen = new Set(layer);
  for (let distance = 1; distance <= most && layer.size > 0; distance++) {
    const next = new Set([...layer].flatMap((path) => graph.get(path) ?? []).filter((path) => !seen.has(path)));
    if (next.has(file)) return distance;
    next.forEach((path) => seen.add(path));
    layer = next;
  }
  return undefined;
}

async function sources(root: string, folder: string): Promise<string[]> {
  const found: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(join(root, folder))) {
      const path = `${folder}/${name}`;
      if (isDirectory) found.push(...await sources(root, path));
      else if (name.endsWith(".ts")) found.push(path);
    }
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
  return found.sort();
}
