/**
 * One name has one owner: an exported name is declared in one file of `lib/`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";

const root = new URL("../..", import.meta.url).pathname;

/**
 * Folders that are parallel to each other: the same name in two of them is the same part of two vendors' code. No room
 * imports such a name from more than one of them.
 */
const parallel: readonly RegExp[] = [
  // The client and the server of one API.
  /^lib\/(cli\/clectl|services\/keyring)\//,
  /^lib\/provider\/([^/]+)\//,
  /^lib\/config\/providers\/([^/]+)\.ts$/,
];

const declaration =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:function\*?|class|const|interface|type|enum) ([A-Za-z_$][\w$]*)/gm;

async function* sources(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(join(root, folder))) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* sources(path);
    else if (path.endsWith(".ts") && !path.endsWith("_test.ts")) yield path;
  }
}

/** The files that declare each exported name. A name that a file passes on from another one is not declared there. */
function ownersOf(files: ReadonlyMap<string, string>): Map<string, Set<string>> {
  const owners = new Map<string, Set<string>>();
  for (const [path, text] of files) {
    for (const [, name] of text.matchAll(declaration)) {
      if (name === undefined) continue;
      owners.set(name, (owners.get(name) ?? new Set()).add(path));
    }
  }
  return owners;
}

/** Whether each file stands in another one of the folders of one pattern. */
function areParallel(paths: readonly string[]): boolean {
  return parallel.some((pattern) => {
    const places = paths.map((path) => pattern.exec(path)?.[1]);
    return !places.includes(undefined) && new Set(places).size === paths.length;
  });
}

function doubled(files: ReadonlyMap<string, string>): string[] {
  return [...ownersOf(files)]
    .filter(([, paths]) => paths.size > 1 && !areParallel([...paths]))
    .map(([name, paths]) => `${name}: ${[...paths].sort().join(", ")}`)
    .sort();
}

Deno.test("no exported name has two owners, but for the parallel names of vendors", async () => {
  const files = new Map<string, string>();
  for await (const path of sources("lib")) files.set(path, await Deno.readTextFile(join(root, path)));
  assert.ok(ownersOf(files).size > 500, "the exported names are found");
  assert.deepEqual(doubled(files), [], "rename one with a row in tests/codemod/names.json and deno task rename");
});

Deno.test("a name counts as doubled in general rooms, within one vendor's folder, and between a vendor and a general room", () => {
  const declares = (...paths: string[]) => new Map(paths.map((path) => [path, "export function twice() {}\n"]));
  const [aws, gcp, common] = ["lib/provider/aws/a.ts", "lib/provider/gcp/a.ts", "lib/provider/common.ts"];
  assert.deepEqual(doubled(declares(aws, gcp)), []);
  assert.deepEqual(doubled(declares("lib/config/providers/aws.ts", "lib/config/providers/gcp.ts")), []);
  for (const pair of [[aws, "lib/provider/aws/b.ts"], [aws, common], ["lib/app/a.ts", "lib/cli/a.ts"]]) {
    assert.equal(doubled(declares(...pair)).length, 1, pair.join(" "));
  }
});
