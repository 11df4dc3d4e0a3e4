/**
 * The tasks and packages that the pages name, and that trying the plugin out grants it no more than the binary has.
 *
 * @module
 */
import assert from "node:assert/strict";
import { readPages } from "../docs/markdown.ts";
import { bakedFlags, clectl, trousseau } from "../../deploy/compile/artefacts.ts";

const root = new URL("../..", import.meta.url);

/** The fields of `deno.json` and of `deno.dev.json` that are read. */
interface DenoConfig {
  readonly tasks?: Readonly<Record<string, string>>;
  readonly lock: { readonly path: string; readonly frozen: boolean };
  readonly imports: Readonly<Record<string, string>>;
  readonly compilerOptions: unknown;
  readonly exclude: readonly string[];
}

/** The fields of a lock file that are read. */
interface Lock {
  readonly specifiers: Readonly<Record<string, string>>;
  readonly npm: Readonly<Record<string, { readonly integrity: string }>>;
}

/** The fields of a module that are read in the output of `deno info --json`. */
interface InfoModule {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly specifier: string;
    readonly code?: { readonly error?: string };
    readonly type?: { readonly error?: string };
  }[];
}

/** The configurations of the programs. `places` are those whose packages a configuration leaves out. */
const programs: readonly { readonly file: string; readonly entry: string; readonly places?: readonly string[] }[] = [
  {
    file: "deno.json",
    entry: trousseau.entry,
    places: ["lib/services/keyring/", "lib/cli/trousseau/manifest_archive.ts"],
  },
  { file: trousseau.config, entry: trousseau.entry },
  { file: clectl.config, entry: clectl.entry },
];

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
    assert.deepEqual(task.flags.filter((flag) => flag !== "--config").toSorted(), expected.toSorted(), name);
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
  assert.deepEqual(rows.toSorted(), packageNames(development.imports));
  for (const [name, specifier] of Object.entries(development.imports)) {
    if (!name.endsWith("/")) assert.match(specifier, /^npm:.+@\d+\.\d+\.\d+$/, name);
    else assert.equal(specifier, `${development.imports[name.slice(0, -1)]?.replace("npm:", "npm:/")}/`, name);
  }
});

Deno.test("deno.dev.json has every package of the programs in the same version, locked to the same bytes", async () => {
  const large = await readJson<Lock>(development.lock.path);
  for (const { file } of programs) {
    const small = await readJson<DenoConfig>(file);
    for (const [name, specifier] of Object.entries(small.imports)) assert.equal(development.imports[name], specifier);
    assert.deepEqual(development.compilerOptions, small.compilerOptions);
    // The packages of the site are its own, so that no type of theirs is there.
    assert.deepEqual(development.exclude, [...small.exclude, "deploy/site/config.mjs"]);
    assert.ok(small.lock.frozen && development.lock.frozen);
    const lock = await readJson<Lock>(small.lock.path);
    assert.ok(Object.keys(lock.npm).length > 0);
    for (const [name, version] of Object.entries(lock.specifiers)) assert.equal(large.specifiers[name], version, name);
    for (const [name, { integrity }] of Object.entries(lock.npm)) {
      assert.equal(large.npm[name]?.integrity, integrity, name);
    }
  }
});

Deno.test("a start of the plugin resolves these packages and no other", async () => {
  // `deno task` fetches all that the lock file beside `deno.json` names before it runs anything.
  const packages = [
    "@aws-sdk/client-kms",
    "@aws-sdk/client-sts",
    "@grpc/grpc-js",
    "@hpke/core",
    "@hpke/hybridkem-x-wing",
    "@scure/base",
    "prom-client",
    "protobufjs",
    "yaml",
    "zod",
  ];
  const { specifiers } = await readJson<Lock>(config.lock.path);
  assert.deepEqual(Object.keys(specifiers).map((name) => name.replace(/^npm:(.+)@.+$/, "$1")).toSorted(), packages);
});

Deno.test("each configuration has the packages that its program imports, and no other", async () => {
  for (const { file, entry, places = [] } of programs) {
    const { imports } = await readJson<DenoConfig>(file);
    const { resolved, missing } = await packagesOf(entry, file);
    assert.deepEqual(resolved, packageNames(imports), file);
    // The plugin loads neither the keyring nor the archive of decrypt, whose packages its configuration leaves out.
    for (const importer of missing) {
      assert.ok(places.some((place) => importer.startsWith(place)), `${file}: ${importer}`);
    }
  }
});

/** The packages of a configuration. Its row `NAME/` is for the files of a package. */
function packageNames(imports: Readonly<Record<string, string>>): string[] {
  return Object.keys(imports).filter((name) => !name.endsWith("/")).toSorted();
}

/** The names that the modules of a program resolve by its configuration, and the files with a name that it lacks. */
async function packagesOf(entry: string, file: string): Promise<{ resolved: string[]; missing: string[] }> {
  const args = ["info", "--json", "--config", file, entry];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args, cwd: root }).output();
  const { modules }: { modules: readonly InfoModule[] } = JSON.parse(new TextDecoder().decode(stdout));
  const resolved = new Set<string>();
  const missing = new Set<string>();
  for (const module of modules) {
    for (const { specifier, code, type } of module.dependencies ?? []) {
      if (/^(\.|node:)/.test(specifier)) continue;
      const found = code ?? type;
      if (found?.error !== undefined) missing.add(module.specifier.slice(root.href.length));
      else resolved.add(/^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier);
    }
  }
  return { resolved: [...resolved].toSorted(), missing: [...missing] };
}
