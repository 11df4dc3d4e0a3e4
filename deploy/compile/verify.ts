/**
 * Compiles the plugin again and compares it with sums that somebody else published.
 *
 * `deno task verify [SHA256SUMS] [--target TRIPLE]`; ends with status 1 where they differ.
 *
 * @module
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compile, type CompileOptions, parseSums } from "./compile.ts";
import { repository } from "./stage.ts";

/** What a rebuild said. */
export interface Verdict {
  readonly equal: boolean;
  /** One sentence. */
  readonly message: string;
}

/** Rebuilds in a temporary folder and compares with the line for `trousseau` in `sums`. */
export async function verify(sums: string, options: CompileOptions = {}): Promise<Verdict> {
  const published = parseSums(sums).find(({ file }) => file === "trousseau");
  if (published === undefined) return { equal: false, message: "The sums have no line for trousseau." };
  const folder = await Deno.makeTempDir({ prefix: "trousseau-verify-" });
  try {
    const rebuilt = await compile(join(folder, "trousseau"), options);
    return rebuilt.sha256 === published.sha256
      ? { equal: true, message: `Equal: ${rebuilt.sha256} with Deno ${Deno.version.deno}.` }
      : {
        equal: false,
        message: `Different: published ${published.sha256}, rebuilt ${rebuilt.sha256} with Deno ${Deno.version.deno}.`,
      };
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
  const { equal, message } = await verify(sums, values.target === undefined ? {} : { target: values.target });
  await Deno.stdout.write(new TextEncoder().encode(`${message}\n`));
  Deno.exitCode = equal ? 0 : 1;
}
