/**
 * Stages the artefacts: a folder of modules each, which needs nothing beside it, and a launcher that runs the first of
 * them with the permissions of the binary.
 *
 * `deno task stage [FOLDER]` prints the path of each launcher, `trousseau` first; the folder is `dist/stage` by
 * default.
 *
 * @module
 */
import { basename, extname, join, relative, resolve } from "node:path";
import { type Artefact, artefacts, runFlags, trousseau } from "./artefacts.ts";
import { compileEnvironment } from "./environment.ts";
import { firstModule, moduleNames, renamed } from "./module_names.ts";
import { packagesIn, packagesLine } from "./packages_in.ts";
import { sourceOf, withSource } from "./source.ts";

/** The repository that this file is in. */
export const repository = resolve(import.meta.dirname ?? ".", "../..");

/** The files of a staged artefact. */
export interface Staged {
  readonly folder: string;
  /** The folder of its modules: JavaScript that imports nothing but each other and `node:` modules. */
  readonly modules: string;
  /** The first module. */
  readonly entry: string;
  /** A shell script that takes the arguments of the program and becomes it: the process keeps its ID. */
  readonly launcher: string;
}

/** The artefact to stage, and the checkout. */
export interface StageOptions {
  /** The checkout; by default the one that this file is in. */
  readonly root?: string;
  /** `trousseau` if left out. */
  readonly artefact?: Artefact;
}

// A compiled binary contains the modification time of its files, so that time must be the same everywhere.
const fileTime = new Date("2000-01-01T00:00:00Z");

/**
 * Runs a subcommand of the Deno that runs this code, with the variables of `environment.ts` alone.
 *
 * @returns its standard output.
 * @throws {Error} with its stderr.
 */
export async function deno(args: readonly string[], cwd: string, env: Record<string, string> = {}): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    clearEnv: true,
    env: compileEnvironment(env),
    stdout: "piped",
    stderr: "piped",
  });
  const { success, stdout, stderr } = await command.output();
  if (!success) throw new Error(`Cannot run deno ${args[0]}: ${new TextDecoder().decode(stderr).trim()}`);
  return new TextDecoder().decode(stdout);
}

// grpc-js loads it when a channelz or ORCA service is requested, and Trousseau requests neither: 100 kB of source less.
const leftOut = ["--external", "@grpc/proto-loader"] as const;

/**
 * Bundles an artefact and its packages, equal byte for byte wherever the checkout and Deno's cache are.
 *
 * A module that several commands, services or vendors share is in a file of its own, and so is a module that is
 * imported dynamically: a command reads and keeps in memory only the part of the program that it runs.
 */
export async function stage(folder: string, options: StageOptions = {}): Promise<Staged> {
  const { root = repository, artefact = trousseau } = options;
  const { name } = artefact;
  const modules = join(folder, "modules", name);
  const [raw, named] = [join(folder, `.${name}.raw`), join(folder, `.${name}.named`)];
  for (const place of [modules, raw, named]) await emptyFolder(place);
  await bundle(raw, root, artefact);
  const packages = await nameModules(raw, named, root, artefact);
  await rewrite(named, modules);
  // `trousseau verify-release` compares the bill of materials with this line.
  await Deno.writeTextFile(join(modules, firstModule), packagesLine(packages), { append: true });
  for (const place of [raw, named]) await Deno.remove(place, { recursive: true });
  for (const file of await filesOf(modules)) await Deno.utime(join(modules, file), fileTime, fileTime);
  const launcher = join(folder, name);
  await Deno.writeTextFile(launcher, launcherText(artefact), { mode: 0o755 });
  return { folder, modules, entry: join(modules, firstModule), launcher };
}

async function bundle(to: string, root: string, { config, entry }: Artefact): Promise<void> {
  const packages = ["--frozen", "--config", config];
  const split = ["--platform", "deno", ...leftOut, "--code-splitting", "--outdir", to];
  await deno(["bundle", "--quiet", ...packages, ...split, entry], root);
}

/**
 * Copies the modules from `raw` to `named`, with the commit, without paths of this machine, and under names that do not
 * depend on it.
 *
 * @returns the packages that they contain.
 */
async function nameModules(raw: string, named: string, root: string, { entry }: Artefact): Promise<string[]> {
  const [cache, source] = [await npmCache(root), await sourceOf(root)];
  const texts = new Map<string, string>();
  for (const file of await filesOf(raw)) {
    const text = withoutCachePaths(await Deno.readTextFile(join(raw, file)), root, cache);
    texts.set(file, withSource(text, source));
  }
  const names = moduleNames(texts, `${basename(entry, extname(entry))}.js`);
  for (const [file, text] of texts) await Deno.writeTextFile(join(named, names.get(file) ?? ""), renamed(text, names));
  return packagesIn([...texts.values()]);
}

async function emptyFolder(path: string): Promise<void> {
  await Deno.mkdir(path, { recursive: true });
  for await (const { name } of Deno.readDir(path)) await Deno.remove(join(path, name), { recursive: true });
}

async function filesOf(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).toSorted();
}

/**
 * Names each package's files from `npm/` on.
 *
 * The bundler labels a module with its path from the checkout to Deno's cache, which differs between machines.
 *
 * @throws {Error} if the path of the checkout or of the cache is still in there.
 */
export function withoutCachePaths(bundle: string, root: string, cache: string): string {
  const path = relative(Deno.realPathSync(root), cache).replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const clean = bundle.replaceAll(new RegExp(`${path}/[^/\\s"]+/`, "g"), "npm/");
  const left = [root, cache].find((place) => clean.includes(place));
  if (left !== undefined) throw new Error(`Cannot stage the bundle: it names the folder ${left} of this machine.`);
  return clean;
}

/**
 * Rewrites the modules of a folder to another one in a process of its own: esbuild is a package of `deno.dev.json`, and
 * staging may run with `deno.json`.
 */
async function rewrite(from: string, to: string): Promise<void> {
  const config = ["--frozen", "--config", join(repository, "deno.dev.json")];
  const permissions = ["--allow-read", "--allow-write", "--allow-run", "--allow-env"];
  const script = join(repository, "deploy/compile/rewrite.ts");
  await deno(["run", "--quiet", "--no-prompt", ...config, ...permissions, script, from, to], repository);
}

async function npmCache(root: string): Promise<string> {
  const info: { npmCache: string } = JSON.parse(await deno(["info", "--json"], root));
  return info.npmCache;
}

/** The launcher of an artefact, beside the folder of its modules. */
export function launcherText(artefact: Artefact): string {
  const { name, links = {} } = artefact;
  // The runtime is called by its own name, so that the program cannot see that of the link.
  const cases = Object.entries(links).map(([link, words]) => `${link}) set -- ${words.join(" ")} "$@" ;;\n`);
  const named = cases.length === 0 ? "" : `case "\${0##*/}" in\n${cases.join("")}esac\n`;
  const flags = runFlags(artefact).map((flag) => `'${flag}'`).join(" ");
  // A shell starts another program in a few milliseconds: only a link is looked up with one.
  return `#!/bin/sh
# Runs the staged modules with exactly what is baked into the binary.
export DENO_NO_UPDATE_CHECK=1
${named}self=$0
if [ -L "$self" ]; then self=$(readlink -f "$self"); fi
case "$self" in */*) ;; *) self="./$self" ;; esac
exec "\${DENO:-deno}" ${flags} "\${self%/*}/modules/${name}/${firstModule}" "$@"
`;
}

if (import.meta.main) {
  const folder = resolve(Deno.args[0] ?? join(repository, "dist/stage"));
  for (const artefact of artefacts) {
    const staged = await stage(folder, { artefact });
    await Deno.stdout.write(new TextEncoder().encode(`${staged.launcher}\n`));
  }
}
