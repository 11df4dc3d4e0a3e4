/**
 * Compiles the artefacts again and compares them with published sums.
 *
 * `deno task rebuild [SHA256SUMS] [--target MACHINE] [--stand-in]`; ends with status 1 where one differs.
 *
 * @module
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parseSums, sumsFile } from "../../lib/release/sums.ts";
import { type Artefact, artefacts } from "./artefacts.ts";
import { provideBase } from "./base.ts";
import { compile, compileArguments, type CompileOptions, say, sayFailure, standInNote } from "./compile.ts";
import { repository } from "./stage.ts";
import { architectureOf, binaryName, ownArchitecture } from "./targets.ts";
import { inTemporaryFolder } from "./temporary.ts";

/** The result of a rebuild. */
export interface Verdict {
  readonly equal: boolean;
  /** One sentence. */
  readonly message: string;
}

/** Rebuilds an artefact in a temporary folder and compares it with its line in `sums`. */
export async function rebuild(sums: string, artefact: Artefact, options: CompileOptions): Promise<Verdict> {
  const name = binaryName(artefact.name, options.architecture, options.base.standIn);
  const published = parseSums(sums).find(({ file }) => file === name);
  if (published === undefined) return { equal: false, message: `The sums have no line for ${name}.` };
  const rebuilt = await inTemporaryFolder(
    { prefix: "trousseau-rebuild-" },
    (folder) => compile(join(folder, name), { ...options, artefact }),
  );
  const equal = rebuilt.sha256 === published.sha256;
  const compared = equal ? rebuilt.sha256 : `published ${published.sha256}, rebuilt ${rebuilt.sha256}`;
  return { equal, message: `${equal ? "Equal" : "Different"}: ${name} ${compared}.` };
}

/** The runtime inside the binaries, in one sentence. */
function runtimeSentence({ base, architecture }: CompileOptions): string {
  const name = base.standIn ? "a stand-in for denort" : "denort";
  return `The runtime inside is ${name} ${Deno.version.deno} for ${architecture}, SHA-256 ${base.sha256}.`;
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({ args: Deno.args, options: compileArguments, allowPositionals: true });
  const architecture = values.target === undefined ? ownArchitecture() : architectureOf(values.target);
  try {
    const sums = await Deno.readTextFile(positionals[0] ?? join(repository, "dist", sumsFile));
    await inTemporaryFolder({ prefix: "trousseau-base-" }, async (folder) => {
      const base = await provideBase({ architecture, folder, standIn: values["stand-in"] ?? false });
      const note = standInNote(base);
      if (note !== undefined) await say(Deno.stderr, note);
      for (const artefact of artefacts) {
        const { equal, message } = await rebuild(sums, artefact, { architecture, base });
        await say(Deno.stdout, message);
        if (!equal) Deno.exitCode = 1;
      }
      await say(Deno.stdout, runtimeSentence({ base, architecture }));
    });
  } catch (thrown) {
    await sayFailure(thrown);
  }
}
