/**
 * The tasks and packages that the pages name, and that trying the plugin out grants it no more than the binary has.
 *
 * @module
 */
import assert from "node:assert/strict";
import { readPages } from "../docs/markdown.ts";
import { bakedFlags } from "../../deploy/compile/artefacts.ts";

const root = new URL("../..", import.meta.url);

/** The fields of `deno.json` and of `deno.dev.json` that are read. */
interface DenoConfig {
  readonly tasks?: Readonly<Record<string, string>>;
  readonly lock: { readonly path: string; readonly frozen: boolean };
  readonly imports: Readonly<Record<string, string>>;
  readonly compilerOptions: unknown;
  readonly exclude: unknown;
}

/** The fields of a lock file that are read. */
interface Lock {
  readonly specifiers: Readonly<Record<string, string>>;
  readonly npm: Readonly<Record<string, unknown>>;
}

async function readJson<T>(path: string): Promise<T> {
  return JSON.parse(await Deno.readTextFile(new URL(path, root)));
}

const config = await readJson<DenoConfig>("deno.json");
const development = await readJson<DenoConfig>("deno.dev.json");
const tasks = config.tasks ?? {};

/** The flags of a task that begins with `deno run`, and the words behind the script. */
function partsOf(task: string | undefined): { flags: string[]; words: string[] } {
  const words = (task ?? "").split(" ");
  return {
    flags: words.filter((word) => word.startsWith("--")),
    words: words.slice(words.indexOf("main.ts") + 1),
  };
}

Deno.test("the tasks start and trousseau have the permissions and flags of the binary, and write below ./run", () => {
  const expected = bakedFlags().map((flag) => flag.replace("--allow-write=", "--allow-write=run,"));
  for (const [name, words] of [["start", ["serve"]], ["trousseau", []]] as const) {
    const task = partsOf(tasks[name]);
    assert.deepEqual(task.flags.toSorted(), expected.toSorted(), name);
    assert.deepEqual(task.words, words);
  }
});

Deno.test("every task that a page names is there, and CONTRIBUTING.md names every task", async () => {
  const pages = await readPages();
  for (const { path } of pages) {
    const text = await Deno.readTextFile(new URL(path, root));
    for (const [, name = ""] of text.matchAll(/\bdeno(?:@[\d.]+)? task ([a-z:0-9]+)/g)) {
      assert.ok(name in tasks, `${path}: deno task ${name}`);
    }
  }
  const contributing = await Deno.readTextFile(new URL("CONTRIBUTING.md", root));
  for (const name of Object.keys(tasks)) assert.match(contributing, new RegExp(`\\bdeno task ${name}(?![:\\w])`), name);
});

Deno.test("every package is pinned exactly, and docs/dependencies.md has its row and no other", async () => {
  const page = await Deno.readTextFile(new URL("docs/dependencies.md", root));
  const rows = [...page.matchAll(/^\| (`[^|]+?)(?: \(\w+\))? +\|/gm)].flatMap(([, cell = ""]) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name)
  );
  assert.deepEqual(rows.toSorted(), Object.keys(development.imports).toSorted());
  for (const [name, specifier] of Object.entries(development.imports)) {
    assert.match(specifier, /^npm:.+@\d+\.\d+\.\d+$/, name);
  }
});

Deno.test("deno.dev.json has every package of deno.json in the same version, locked to the same bytes", async () => {
  for (const [name, specifier] of Object.entries(config.imports)) assert.equal(development.imports[name], specifier);
  assert.deepEqual(development.compilerOptions, config.compilerOptions);
  assert.deepEqual(development.exclude, config.exclude);
  assert.ok(config.lock.frozen && development.lock.frozen);
  const [small, large] = [await readJson<Lock>(config.lock.path), await readJson<Lock>(development.lock.path)];
  for (const part of ["specifiers", "npm"] as const) {
    assert.ok(Object.keys(small[part]).length > 0);
    for (const [name, locked] of Object.entries(small[part])) assert.deepEqual(large[part][name], locked, name);
  }
});

/** Property tests stand beside their files; so small a package is worth a plain `deno test FILE`. */
const smallTestPackages = ["fast-check"];

Deno.test("what deno task start downloads is what the plugin imports", async () => {
  const imported = new Set<string>();
  for await (const text of sources("lib")) {
    for (const [, name = ""] of text.matchAll(/(?:\bfrom |\bimport\()"((?:@[^/"]+\/)?[^/".:]+)[^"]*"/g)) {
      imported.add(name);
    }
  }
  assert.ok(imported.size > 5);
  // `deno task` fetches all that the lock file beside `deno.json` names before it runs anything.
  const needless = Object.keys(config.imports).filter((name) => !imported.has(name));
  assert.deepEqual(needless, smallTestPackages);
});

/** The product's own files. */
async function* sources(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, root))) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* sources(path);
    else if (name.endsWith(".ts") && !name.endsWith("_test.ts")) yield await Deno.readTextFile(new URL(path, root));
  }
}
