/**
 * What the tests of the binary share: a runtime to compile with, and copies of the checkout.
 *
 * @module
 */
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { DenortUnavailable, findDenort } from "../../deploy/compile/base.ts";
import { sourcePlaceholder, withSource } from "../../deploy/compile/source.ts";
import { deno, repository } from "../../deploy/compile/stage.ts";
import { ownArchitecture } from "../../deploy/compile/targets.ts";

/** What `deno compile` copies into every binary. */
export interface Runtime {
  /** Whether the compiled file is the program. Otherwise it is only as large and as reproducible as the program. */
  readonly real: boolean;
  /** To be set when compiling. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Finds out whether a compiled runtime is at hand or can be fetched.
 *
 * Where it cannot, Deno's own executable stands in, and a note says so loudly: the file that comes out is then compared,
 * hashed and read as ELF, but not run. Both are compiled with `--stand-in`, since the table of sums may lack this one.
 */
export async function findRuntime(): Promise<Runtime> {
  const given = Deno.env.get("DENORT_BIN");
  if (given !== undefined) return { real: await isCompiledRuntime(given), env: { DENORT_BIN: given } };
  const folder = await Deno.makeTempDir();
  globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  try {
    const { bytes } = await findDenort(ownArchitecture(), folder);
    await Deno.writeFile(join(folder, "denort"), bytes, { mode: 0o755 });
    return { real: true, env: { DENORT_BIN: join(folder, "denort") } };
  } catch (thrown) {
    if (!(thrown instanceof DenortUnavailable)) throw thrown;
    await note("no compiled runtime can be fetched here, so Deno's own executable stands in: the binary is not run");
    return { real: false, env: { DENORT_BIN: Deno.execPath() } };
  }
}

async function isCompiledRuntime(path: string): Promise<boolean> {
  if (await Deno.realPath(path) !== await Deno.realPath(Deno.execPath())) return true;
  await note("DENORT_BIN names Deno's own executable: the binary is not run");
  return false;
}

async function note(text: string): Promise<void> {
  await Deno.stderr.write(new TextEncoder().encode(`\n*** NOTE: ${text}. ***\n`));
}

/** The commit that {@linkcode copyCheckout} writes into a copy, as `git archive` does. */
export const copiedCommit = {
  commit: "0123456789abcdef0123456789abcdef01234567",
  time: 1_700_000_000,
  modified: false,
};

/** Copies what a build reads of the checkout to `to`, with a commit of its own. */
export async function copyCheckout(to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  const configs = ["", ".keyring", ".clectl", ".dev"].flatMap((part) => [`deno${part}.json`, `deno${part}.lock`]);
  // The program contains files of the last three, for `init`.
  const deploy = ["deploy/compile", "deploy/kubernetes", "deploy/policies", "deploy/systemd"];
  for (const part of [...configs, "main.ts", "lib", "proto", ...deploy]) {
    await cp(join(repository, part), join(to, part), { recursive: true, dereference: true });
  }
  const version = join(to, "lib/base/version.ts");
  const text = await Deno.readTextFile(version);
  if (!text.includes(sourcePlaceholder)) throw new Error("lib/base/version.ts has no place for the commit.");
  await Deno.writeTextFile(version, withSource(text, copiedCommit));
}

/**
 * Makes a cache of Deno's in another place, with the packages that this machine has.
 *
 * @returns the folder, for `DENO_DIR`.
 */
export async function copyPackages(to: string): Promise<string> {
  const info: { npmCache: string } = JSON.parse(await deno(["info", "--json"], repository));
  await cp(info.npmCache, join(to, "npm"), { recursive: true });
  return to;
}

/** Runs `deploy/compile/<script>` of the checkout at `root`, as its task does. */
export async function runTool(root: string, script: string, args: string[], env: Record<string, string>) {
  return await deno(
    ["run", "--quiet", "--allow-read", "--allow-write", "--allow-run", "--allow-env", script, ...args],
    root,
    env,
  );
}
