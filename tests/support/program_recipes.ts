/**
 * Makes the real programs that tests run: taken from PATH if they are there, else built from their Go modules or installed
 * from their Python packages once, and kept in a cache.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { createHash } from "node:crypto";
import { run } from "./processes.ts";

/** A program that is built here. */
export interface GoRecipe {
  /** A folder of the recipes with a Go module. */
  readonly module: string;
  /** The package in it or in a module that it requires; the module's own root if left out. */
  readonly package?: string;
  /** Go's build tags. */
  readonly tags?: string;
  readonly ldflags: string;
}

/** A program that is installed here. */
export interface PythonRecipe {
  /** The name of its virtual environment. */
  readonly packages: string;
  /** Where its `requirements.txt` is, in which every file has its hash; the folder `packages` if left out. */
  readonly at?: string;
  /** The name of its program. */
  readonly program: string;
}

export type Recipe = GoRecipe | PythonRecipe;

type Progress = (line: string) => void;

/**
 * Where a program is; makes it if need be, which takes up to ten minutes the first time.
 *
 * @param name its name on PATH and in the cache.
 * @param base the folder of the recipes' folders.
 * @param progress is told before it begins.
 */
export async function programOf(
  name: string,
  recipe: Recipe,
  base: string,
  progress: Progress = () => {},
): Promise<string> {
  // A Python program on PATH can belong to a version manager and have any version, or none.
  const found = "module" in recipe ? await fromPath(name) : undefined;
  if (found !== undefined) return found;
  const cache = cacheFolder();
  await Deno.mkdir(cache, { recursive: true });
  using lock = await Deno.open(join(cache, `${name}.lock`), { create: true, write: true });
  // Two test runs at once build it once.
  await lock.lock(true);
  const folder = folderOf(recipe, base);
  const hash = await recipeHash(recipe, folder);
  return "module" in recipe
    ? await built(name, { recipe, folder, hash }, join(cache, name), progress)
    : await installed(name, { recipe, folder, hash }, cache, progress);
}

/** A recipe with the folder of its files and the hash over both. */
interface Work<R extends Recipe> {
  readonly recipe: R;
  readonly folder: string;
  readonly hash: string;
}

async function built(name: string, { recipe, folder, hash }: Work<GoRecipe>, program: string, progress: Progress) {
  if (await isFile(program) && await builtFrom(program) === hash) return program;
  progress(`Building ${name}; this happens once and takes up to ten minutes on two cores.`);
  await build(recipe, folder, program);
  await Deno.writeTextFile(`${program}.recipe`, hash);
  return program;
}

/** A virtual environment holds its own path: each recipe has one of its own, made in its place. */
async function installed(name: string, work: Work<PythonRecipe>, cache: string, progress: Progress) {
  const { recipe, hash } = work;
  const folder = join(cache, `${recipe.packages}-${hash.slice(0, 16)}`);
  const program = join(folder, "bin", recipe.program);
  if (await isFile(program) && await builtFrom(program) === hash) return program;
  progress(`Installing ${name}; this happens once and takes a minute.`);
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  const requirements = join(work.folder, "requirements.txt");
  await must("python3", ["-m", "venv", folder], name);
  const pip = ["-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r", requirements];
  await must(join(folder, "bin", "python3"), pip, name);
  await Deno.writeTextFile(`${program}.recipe`, hash);
  return program;
}

async function must(command: string, args: readonly string[], name: string): Promise<void> {
  const { code, stdout, stderr } = await run(command, args);
  if (code !== 0) {
    throw new Error(`Cannot install ${name}: ${command} ended with ${code}.\n${(stdout + stderr).slice(-4000)}`);
  }
}

/** The program of that name on PATH. */
export async function fromPath(name: string): Promise<string | undefined> {
  const candidates = (Deno.env.get("PATH") ?? "").split(":").filter(Boolean).map((folder) => join(folder, name));
  for (const candidate of candidates) if (await isFile(candidate)) return candidate;
  return undefined;
}

function cacheFolder(): string {
  const base = Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? "/tmp", ".cache");
  return join(base, "trousseau", "bin");
}

function folderOf(recipe: Recipe, base: string): string {
  return join(base, "module" in recipe ? recipe.module : recipe.at ?? recipe.packages);
}

/** After a change of its recipe a server is made again. */
async function recipeHash(recipe: Recipe, folder: string): Promise<string> {
  // For Python only the packages are installed; the program that uses them is run in place.
  const files = "module" in recipe
    ? (await Array.fromAsync(Deno.readDir(folder))).map((entry) => entry.name).sort()
    : ["requirements.txt"];
  const hash = createHash("sha256").update(JSON.stringify(recipe));
  for (const file of files) hash.update(JSON.stringify(file)).update(await Deno.readFile(join(folder, file)));
  return hash.digest("hex");
}

async function builtFrom(program: string): Promise<string | undefined> {
  return await Deno.readTextFile(`${program}.recipe`).catch(() => undefined);
}

async function build(recipe: GoRecipe, folder: string, program: string): Promise<void> {
  const fresh = join(dirname(program), `.${recipe.module}.new`);
  const tags = recipe.tags === undefined ? [] : ["-tags", recipe.tags];
  const args = ["build", "-buildvcs=false", "-trimpath", ...tags, "-ldflags", recipe.ldflags, "-o", fresh];
  const { code, stderr } = await run("go", [...args, recipe.package ?? "."], { cwd: folder });
  if (code !== 0) throw new Error(`Cannot build ${recipe.module}: go ended with ${code}.\n${stderr.slice(-4000)}`);
  // A server that runs from the old file goes on with it.
  await Deno.rename(fresh, program);
}

async function isFile(path: string): Promise<boolean> {
  return await Deno.stat(path).then((info) => info.isFile, () => false);
}
