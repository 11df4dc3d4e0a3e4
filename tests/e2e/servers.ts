/**
 * The real programs that the end-to-end tests run against: taken from PATH if they are there, else built from their Go
 * modules or installed from their Python packages once, and kept in a cache.
 *
 * `deno task servers` makes the missing ones and prints the path of each.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { createHash } from "node:crypto";
import { run } from "../support/processes.ts";

/** A server that is built here. */
interface GoRecipe {
  /** A folder under `servers/` with a Go module. */
  readonly module: string;
  /** The package in it or in a module that it requires; the module's own root if left out. */
  readonly package?: string;
  /** Go's build tags. */
  readonly tags?: string;
  readonly ldflags: string;
}

/** A server that is installed here. */
interface PythonRecipe {
  /** The name of its virtual environment. */
  readonly packages: string;
  /** Where its `requirements.txt` is, in which every file has its hash; `packages` under `servers/` if left out. */
  readonly at?: string;
  /** The name of its program. */
  readonly program: string;
}

type Recipe = GoRecipe | PythonRecipe;

const kubernetes = "k8s.io/component-base/version";

const recipes = {
  "kube-apiserver": {
    module: "kube-apiserver",
    // Without a version the API server would say that it is 0.0.0 and switch its features accordingly.
    ldflags: `-s -w -X ${kubernetes}.gitVersion=v1.36.3 -X ${kubernetes}.gitMajor=1 -X ${kubernetes}.gitMinor=36`,
  },
  "vault-test-server": { module: "vault", ldflags: "-s -w" },
  "foreign-plugin": { module: "foreign-plugin", ldflags: "-s -w" },
  "sops": { module: "sops", package: "github.com/getsops/sops/v3/cmd/sops", ldflags: "-s -w" },
  "h2spec": { module: "h2spec", package: "github.com/summerwind/h2spec/cmd/h2spec", ldflags: "-s -w" },
  "kms-client": { module: "kms-client", ldflags: "-s -w" },
  "otlp-collector": { module: "otlp-collector", ldflags: "-s -w" },
  "kms-service-plugin": { module: "kms-service-plugin", ldflags: "-s -w" },
  "vault-client": { module: "vault-client", ldflags: "-s -w" },
  "vault-commands": { module: "vault-commands", tags: "minimal", ldflags: "-s -w" },
  "etcd-3.5": { module: "etcd-3.5", package: "go.etcd.io/etcd/server/v3", ldflags: "-s -w" },
  "etcd-3.6": { module: "etcd-3.6", package: "go.etcd.io/etcd/server/v3", ldflags: "-s -w" },
  "etcdutl": { module: "etcd-3.6", package: "go.etcd.io/etcd/etcdutl/v3", ldflags: "-s -w" },
  "bolt-rows": { module: "etcd-3.6", ldflags: "-s -w" },
  "external-secrets": { module: "external-secrets", ldflags: "-s -w" },
  "kms-plugin-python": {
    packages: "kms-plugin-python",
    at: "../../../deploy/samples/kms-plugin-python",
    program: "python3",
  },
  "nfpm": { packages: "nfpm", at: "../../../deploy/packages", program: "nfpm" },
  "moto_server": { packages: "moto", program: "moto_server" },
  "bao": { packages: "openbao", program: "bao" },
} as const satisfies Record<string, Recipe>;

/** A server with a recipe. */
export type ServerName = keyof typeof recipes;

/** All of them. */
export const serverNames = Object.keys(recipes) as readonly ServerName[];

/**
 * Where a server's program is; makes it if need be, which takes up to ten minutes the first time.
 *
 * @param progress is told before it begins.
 */
export async function serverProgram(name: ServerName, progress: (line: string) => void = () => {}): Promise<string> {
  // A Python program on PATH can belong to a version manager and have any version, or none.
  const found = "module" in recipes[name] ? await fromPath(name) : undefined;
  if (found !== undefined) return found;
  const cache = cacheFolder();
  await Deno.mkdir(cache, { recursive: true });
  using lock = await Deno.open(join(cache, `${name}.lock`), { create: true, write: true });
  // Two test runs at once build it once.
  await lock.lock(true);
  const recipe = recipes[name];
  const hash = await recipeHash(recipe);
  return "module" in recipe
    ? await built(name, recipe, join(cache, name), hash, progress)
    : await installed(name, recipe, cache, hash, progress);
}

type Progress = (line: string) => void;

async function built(name: string, recipe: GoRecipe, program: string, hash: string, progress: Progress) {
  if (await isFile(program) && await builtFrom(program) === hash) return program;
  progress(`Building ${name}; this happens once and takes up to ten minutes on two cores.`);
  await build(recipe, program);
  await Deno.writeTextFile(`${program}.recipe`, hash);
  return program;
}

/** A virtual environment holds its own path: each recipe has one of its own, made in its place. */
async function installed(name: string, recipe: PythonRecipe, cache: string, hash: string, progress: Progress) {
  const folder = join(cache, `${recipe.packages}-${hash.slice(0, 16)}`);
  const program = join(folder, "bin", recipe.program);
  if (await isFile(program) && await builtFrom(program) === hash) return program;
  progress(`Installing ${name}; this happens once and takes a minute.`);
  await Deno.remove(folder, { recursive: true }).catch(() => {});
  const requirements = join(folderOf(recipe), "requirements.txt");
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

function folderOf(recipe: Recipe): string {
  const folder = "module" in recipe ? recipe.module : recipe.at ?? recipe.packages;
  return join(import.meta.dirname ?? ".", "servers", folder);
}

/** After a change of its recipe a server is made again. */
async function recipeHash(recipe: Recipe): Promise<string> {
  const folder = folderOf(recipe);
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

async function build(recipe: GoRecipe, program: string): Promise<void> {
  const fresh = join(dirname(program), `.${recipe.module}.new`);
  const tags = recipe.tags === undefined ? [] : ["-tags", recipe.tags];
  const args = ["build", "-buildvcs=false", "-trimpath", ...tags, "-ldflags", recipe.ldflags, "-o", fresh];
  const { code, stderr } = await run("go", [...args, recipe.package ?? "."], { cwd: folderOf(recipe) });
  if (code !== 0) throw new Error(`Cannot build ${recipe.module}: go ended with ${code}.\n${stderr.slice(-4000)}`);
  // A server that runs from the old file goes on with it.
  await Deno.rename(fresh, program);
}

async function isFile(path: string): Promise<boolean> {
  return await Deno.stat(path).then((info) => info.isFile, () => false);
}

if (import.meta.main) {
  const print = (line: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
  for (const name of serverNames) print(await serverProgram(name, print));
}
