/**
 * The test files that run the suite on a bench.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

const root = new URL("../..", import.meta.url);

/** Paths from the root of the repository. */
export interface SuiteFiles {
  /** Those that run anywhere. */
  readonly quick: readonly string[];
  /** Those that need servers, which run in the end-to-end tests. */
  readonly engines: readonly string[];
}

/** All of them: who calls the suite is one. */
export async function suiteFiles(): Promise<SuiteFiles> {
  return { quick: await callersIn("tests/conformance"), engines: await callersIn("tests/e2e") };
}

async function callersIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of Deno.readDir(new URL(`${folder}/`, root))) {
    if (!name.endsWith("_test.ts")) continue;
    const path = `${folder}/${name}`;
    const text = await Deno.readTextFile(fileURLToPath(new URL(path, root)));
    if (/^ *(await )?(loginC|c)onformance\(/m.test(text)) found.push(path);
  }
  return found.sort();
}
