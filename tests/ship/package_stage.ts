/**
 * Packages to install in a machine. Where there is no runtime to compile with, the program in them is a script that runs
 * the staged modules with an installed Deno, from a folder that the machine has mounted.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { trousseau } from "../../deploy/compile/artefacts.ts";
import { provideBase } from "../../deploy/compile/base.ts";
import { compile } from "../../deploy/compile/compile.ts";
import { repository, stage } from "../../deploy/compile/stage.ts";
import { ownArchitecture } from "../../deploy/compile/targets.ts";
import { packages } from "../../deploy/packages/packages.ts";
import { copyCheckout, findRuntime, type Runtime } from "../compile/support.ts";
import { stagedProgram } from "./staged_program.ts";

/** Where the machine has the folder that {@linkcode PackageStage.binds} names. */
const standInFolder = "/opt/stand-in";
const denoFolder = "/opt/deno";

/** The packages `trousseau` of some versions of this source. */
export class PackageStage implements AsyncDisposable {
  /** A folder of this machine. */
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Makes the packages of each version for amd64 and arm64 in `folder`. */
  static async make(versions: readonly string[]): Promise<PackageStage> {
    const made = new PackageStage(await Deno.makeTempDir({ prefix: "trousseau-packages-" }));
    try {
      // The plugin's user reads the staged modules.
      await Deno.chmod(made.folder, 0o755);
      const runtime = await findRuntime();
      for (const version of versions) await makeVersion(made.folder, version, runtime);
      return made;
    } catch (error) {
      await made[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The requirements of the programs of the packages, and the packages themselves. */
  binds(): Readonly<Record<string, string>> {
    return { [standInFolder]: this.folder, [denoFolder]: dirname(Deno.realPathSync(Deno.execPath())) };
  }

  /** The path of a package in the machine. @param start the beginning of its name. */
  inMachine(start: string, end: string): string {
    return join(standInFolder, this.#named(start, end));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }

  #named(start: string, end: string): string {
    const names = [...Deno.readDirSync(this.folder)].map(({ name }) => name);
    const found = names.filter((name) => name.startsWith(start) && name.endsWith(end));
    if (found.length !== 1) throw new Error(`There is no one package ${start}…${end}: ${names.join(", ")}.`);
    return found[0] ?? "";
  }
}

async function makeVersion(folder: string, version: string, { real, env }: Runtime): Promise<void> {
  const root = join(folder, `source-${version}`);
  await copyCheckout(root);
  const file = join(root, "lib/base/version.ts");
  const text = await Deno.readTextFile(file);
  const changed = text.replace(/"\d+\.\d+\.\d+[^"]*"/, JSON.stringify(version));
  if (changed === text && !text.includes(JSON.stringify(version))) throw new Error(`${file} names no version.`);
  await Deno.writeTextFile(file, changed);
  const path = `trousseau-${version}`;
  if (real) {
    const architecture = ownArchitecture();
    // The table of sums may lack this runtime; the packages of this test are no release.
    const base = await provideBase({ architecture, folder, standIn: true, given: env["DENORT_BIN"] });
    await compile(join(folder, path), { root, architecture, base });
  } else {
    await stage(join(folder, version), { root });
    const program = stagedProgram(trousseau, { stage: `${standInFolder}/${version}`, deno: `${denoFolder}/deno` });
    await Deno.writeTextFile(join(folder, path), program, { mode: 0o755 });
  }
  const binaries = (["amd64", "arm64"] as const).map((architecture) =>
    ({ artefact: "trousseau", architecture, path, standIn: !real }) as const
  );
  const context = {
    root: repository,
    dist: folder,
    version,
    commit: "0".repeat(40),
    sourceDate: 1_700_000_000,
    binaries,
  };
  await packages.make(context, AbortSignal.timeout(120_000));
}
