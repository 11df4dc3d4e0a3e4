/**
 * Compiles the artefacts again and compares them with published sums.
 *
 * `deno task verify [SHA256SUMS] [--target TRIPLE]`; ends with status 1 where one differs.
 *
 * @module
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Artefact, artefacts } from "./artefacts.ts";
import { compile, type CompileOptions, parseSums } from "./compile.ts";
import { repository } from "./stage.ts";

/** The result of a rebuild. */
export interface Verdict {
  readonly equal: boolean;
  /** One sentence. */
  readonly message: string;
}

/** Rebuilds an artefact in a temporary folder and compares it with its line in `sums`. */
export async function verify(sums: string, artefact: Artefact, options: CompileOptions = {}): Promise<Verdict> {
  const { name } = artefact;
  const published = parseSums(sums).find(({ file }) => file === name);
  if (published === undefined) return { equal: false, message: `The sums have no line for ${name}.` };
  const folder = await Deno.makeTempDir({ prefix: "trousseau-verify-" });
  try {
    const rebuilt = await compile(join(folder, name), { ...options, artefact });
    const equal = rebuilt.sha256 === published.sha256;
    const sums = equal ? rebuilt.sha256 : `published ${published.sha256}, rebuilt ${rebuilt.sha256}`;
    return { equal, message: `${equal ? "Equal" : "Different"}: ${name} ${sums} with Deno ${Deno.version.deno}.` };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    options: { target: { type: "string" } },
    allowPositionals: true,
  });
  const sums = await Deno.readTextFile(positionals[0] ?? join(repository, "dist/SHA256SUMS"));
  const target = values.target === undefined ? {} : { target: values.target };
  for (const artefact of artefacts) {
    const { equal, message } = await verify(sums, artefact, target);
    await Deno.stdout.write(new TextEncoder().encode(`${message}\n`));
    if (!equal) Deno.exitCode = 1;
  }
}
