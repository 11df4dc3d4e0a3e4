/**
 * Stages the artefacts: one self-contained file each, and beside it a launcher that runs it with the permissions of the
 * binary.
 *
 * `deno task stage [FOLDER]` prints the path of each launcher, `trousseau` first; the folder is `dist/stage` by
 * default.
 *
 * @module
 */
import { join, relative, resolve } from "node:path";
import { type Artefact, artefacts, runFlags, trousseau } from "./artefacts.ts";

/** The repository that this file is in. */
export const repository = resolve(import.meta.dirname ?? ".", "../..");

/** The files of a staged artefact. */
export interface Staged {
  readonly folder: string;
  /** The bundle: JavaScript that imports nothing but `node:` modules. */
  readonly bundle: string;
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

/** Runs a subcommand of the Deno that runs this code. @returns its standard output. @throws {Error} with its stderr. */
export async function deno(args: readonly string[], cwd: string, env: Record<string, string> = {}): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd,
    env: { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1", ...env },
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
 * Bundles an artefact and its packages into one file, equal byte for byte wherever the checkout and Deno's cache are.
 *
 * Dynamic imports end up in the same file and are still evaluated at their first use only.
 */
export async function stage(folder: string, options: StageOptions = {}): Promise<Staged> {
  const { root = repository, artefact = trousseau } = options;
  const { config, entry, name } = artefact;
  await Deno.mkdir(folder, { recursive: true });
  const staged = { folder, bundle: join(folder, `${name}.js`), launcher: join(folder, name) };
  const raw = join(folder, `.${name}.raw.js`);
  const packages = ["--frozen", "--config", config];
  await deno(["bundle", "--quiet", ...packages, "--platform", "deno", ...leftOut, "--output", raw, entry], root);
  const bundle = withoutCachePaths(await Deno.readTextFile(raw), root, await npmCache(root));
  await Deno.writeTextFile(raw, bundle);
  await rewrite(raw, staged.bundle);
  await Deno.remove(raw);
  await Deno.utime(staged.bundle, fileTime, fileTime);
  await Deno.writeTextFile(staged.launcher, launcher(artefact), { mode: 0o755 });
  return staged;
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
 * Rewrites the file `raw` to `bundle` in a process of its own: esbuild is a package of `deno.dev.json`, and staging may
 * run with `deno.json`.
 */
async function rewrite(raw: string, bundle: string): Promise<void> {
  const config = ["--frozen", "--config", join(repository, "deno.dev.json")];
  const permissions = ["--allow-read", "--allow-write", "--allow-run", "--allow-env"];
  const script = join(repository, "deploy/compile/rewrite.ts");
  await deno(["run", "--quiet", "--no-prompt", ...config, ...permissions, script, raw, bundle], repository);
}

async function npmCache(root: string): Promise<string> {
  const info: { npmCache: string } = JSON.parse(await deno(["info", "--json"], root));
  return info.npmCache;
}

function launcher(artefact: Artefact): string {
  const { name, links = {} } = artefact;
  // The runtime is called by its own name, so that the program cannot see that of the link.
  const cases = Object.entries(links).map(([link, words]) => `${link}) set -- ${words.join(" ")} "$@" ;;\n`);
  const named = cases.length === 0 ? "" : `case "$(basename "$0")" in\n${cases.join("")}esac\n`;
  const flags = runFlags(artefact).map((flag) => `'${flag}'`).join(" ");
  return `#!/bin/sh
# Runs the staged bundle with exactly what is baked into the binary.
export DENO_NO_UPDATE_CHECK=1
${named}exec "\${DENO:-deno}" ${flags} "$(dirname "$(readlink -f "$0")")/${name}.js" "$@"
`;
}

if (import.meta.main) {
  const folder = resolve(Deno.args[0] ?? join(repository, "dist/stage"));
  for (const artefact of artefacts) {
    const staged = await stage(folder, { artefact });
    await Deno.stdout.write(new TextEncoder().encode(`${staged.launcher}\n`));
  }
}
