/**
 * Compiles the artefacts so that two builds from the same source are the same files.
 *
 * `deno task compile [--target MACHINE] [--stand-in]` makes `dist/trousseau-linux-amd64`, `dist/clectl-linux-amd64` and
 * `dist/SHA256SUMS`, for the machine that it runs on or for that of `--target`.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { fileSha256 } from "../../lib/release/release_files.ts";
import { formatSums, type Sum, sumsFile } from "../../lib/release/sums.ts";
import { type Artefact, artefacts, bakedFlags, trousseau } from "./artefacts.ts";
import { type Base, provideBase } from "./base.ts";
import { deno, repository, stage, type StageOptions } from "./stage.ts";
import { type Architecture, architectureOf, binaryName, ownArchitecture, targets } from "./targets.ts";
import { inTemporaryFolder } from "./temporary.ts";

/** The machine to compile for, and the runtime to put the program into. */
export interface CompileTarget {
  readonly architecture: Architecture;
  readonly base: Base;
}

/** The artefact to compile, its checkout, and the target. */
export interface CompileOptions extends StageOptions, CompileTarget {}

/**
 * Writes the binary of an artefact to `output`, which is whole or as it was before.
 *
 * Its bytes depend on the source and its commit, the locked packages, Deno's version, the base, the row of
 * `artefacts.ts`, the machine, and the file time that staging sets; not on the checkout's place or the output's name.
 */
export async function compile(output: string, options: CompileOptions): Promise<Sum> {
  const { artefact = trousseau } = options;
  return await inTemporaryFolder({ prefix: "trousseau-stage-" }, async (folder) => {
    const { entry } = await stage(folder, options);
    return await compileStaged(output, artefact, entry, options);
  });
}

/** Writes the binary of an artefact whose modules are staged. @param entry the first of them. */
export async function compileStaged(
  output: string,
  artefact: Artefact,
  entry: string,
  { architecture, base }: CompileTarget,
): Promise<Sum> {
  await Deno.mkdir(dirname(output), { recursive: true });
  // Only a rename within one file system is atomic.
  await inTemporaryFolder({ dir: dirname(output), prefix: ".compile-" }, async (beside) => {
    const whole = join(beside, artefact.name);
    const flags = compileFlags(artefact, targets[architecture].triple);
    await deno([...flags, "--output", whole, entry], dirname(entry), { DENORT_BIN: base.path });
    await Deno.rename(whole, output);
  });
  return { file: basename(output), sha256: await fileSha256(output) };
}

function compileFlags(artefact: Artefact, target: string): string[] {
  const sealed = ["--quiet", "--no-config", "--no-lock", "--no-check", "--no-remote", "--no-npm"];
  return ["compile", ...sealed, ...bakedFlags(artefact), "--target", target];
}

/** A sentence for a build around another runtime than `denort`; `undefined` for a real one. */
export function standInNote({ standIn, path }: Pick<Base, "standIn" | "path">): string | undefined {
  return standIn ? `Note: ${path} stands in for denort. These binaries do not run the program.` : undefined;
}

/** The options of the command line that compiling and rebuilding share. */
export const compileArguments = { target: { type: "string" }, "stand-in": { type: "boolean" } } as const;

/** Writes a line. */
export async function say(to: { write(bytes: Uint8Array): Promise<number> }, line: string): Promise<void> {
  await to.write(new TextEncoder().encode(`${line}\n`));
}

/** Writes the failure of a task, and makes it end with a status. */
export async function sayFailure(thrown: unknown, status = 1): Promise<void> {
  await say(Deno.stderr, thrown instanceof Error ? thrown.message : String(thrown));
  Deno.exitCode = status;
}

async function compileAll(dist: string, architecture: Architecture, standIn: boolean): Promise<readonly Sum[]> {
  return await inTemporaryFolder({ prefix: "trousseau-base-" }, async (folder) => {
    const base = await provideBase({ architecture, folder, standIn });
    const note = standInNote(base);
    if (note !== undefined) await say(Deno.stderr, note);
    const sums: Sum[] = [];
    for (const artefact of artefacts) {
      const output = join(dist, binaryName(artefact.name, architecture, base.standIn));
      sums.push(await compile(output, { artefact, architecture, base }));
    }
    return sums;
  });
}

if (import.meta.main) {
  const { values } = parseArgs({ args: Deno.args, options: compileArguments });
  const architecture = values.target === undefined ? ownArchitecture() : architectureOf(values.target);
  const dist = join(repository, "dist");
  try {
    const sums = formatSums(await compileAll(dist, architecture, values["stand-in"] ?? false));
    await Deno.writeTextFile(join(dist, sumsFile), sums);
    await Deno.stdout.write(new TextEncoder().encode(sums));
  } catch (thrown) {
    await sayFailure(thrown);
  }
}
