/**
 * nfpm, which writes the packages: a program that is installed once in the version of `requirements.txt`.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { serverProgram } from "../../tests/e2e/servers.ts";
import { inTemporaryFolder } from "../compile/temporary.ts";
import type { PackageFormat } from "./package_files.ts";

/** One file of a package, as nfpm takes it. */
export interface NfpmContent {
  readonly src?: string;
  readonly dst: string;
  readonly type?: "symlink" | "config|noreplace" | "license";
  readonly file_info?: { readonly mode: number; readonly owner: "root"; readonly group: "root" };
}

/** A package, as nfpm takes it. */
export interface NfpmPackage {
  readonly name: string;
  readonly arch: string;
  readonly version: string;
  /** The text behind a `+` in the version. */
  readonly version_metadata?: string;
  readonly description: string;
  readonly depends: readonly string[];
  readonly contents: readonly NfpmContent[];
  readonly scripts: Readonly<Record<string, string>>;
  readonly [setting: string]: unknown;
}

/**
 * Writes a package to `target`.
 *
 * @param sourceDate the time of every file in it, in seconds since 1970.
 * @throws {Error} with nfpm's output if it fails.
 */
export async function writePackage(
  target: string,
  format: PackageFormat,
  settings: NfpmPackage,
  sourceDate: number,
  signal: AbortSignal,
): Promise<void> {
  const program = await serverProgram("nfpm");
  await inTemporaryFolder({ prefix: "trousseau-nfpm-" }, async (folder) => {
    const config = join(folder, "nfpm.json");
    // JSON is YAML too.
    await Deno.writeTextFile(config, JSON.stringify(settings));
    const command = new Deno.Command(program, {
      args: ["package", "--config", config, "--packager", format, "--target", target],
      cwd: dirname(target),
      clearEnv: true,
      env: { SOURCE_DATE_EPOCH: String(sourceDate), HOME: folder, TMPDIR: folder },
      signal,
      stdout: "piped",
      stderr: "piped",
    });
    const { success, stdout, stderr } = await command.output();
    const decoder = new TextDecoder();
    if (!success) {
      throw new Error(`Cannot write ${target}: ${(decoder.decode(stdout) + decoder.decode(stderr)).trim()}`);
    }
  });
}
