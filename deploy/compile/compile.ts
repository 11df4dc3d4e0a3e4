/**
 * Compiles the artefacts so that two builds from the same source are the same files.
 *
 * `deno task compile [--target TRIPLE]` makes `dist/trousseau`, `dist/clectl` and `dist/SHA256SUMS`.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { basename, dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { type Artefact, artefacts, bakedFlags, trousseau } from "./artefacts.ts";
import { deno, repository, stage, type StageOptions } from "./stage.ts";

/** The artefact to compile, and the machine. */
export interface CompileOptions extends StageOptions {
  /** `x86_64-unknown-linux-gnu` or `aarch64-unknown-linux-gnu`; by default the machine's own. */
  readonly target?: string;
}

/** A file and its SHA-256 in lowercase hex. */
export interface Sum {
  readonly file: string;
  readonly sha256: string;
}

/**
 * Writes the binary of an artefact to `output`.
 *
 * Its bytes depend on the source, the locked packages, Deno's version, the row of `artefacts.ts`, the
 * target, the file time that staging sets, and the name of the output; not the checkout's place.
 */
export async function compile(output: string, options: CompileOptions = {}): Promise<Sum> {
  const folder = await Deno.makeTempDir({ prefix: "trousseau-stage-" });
  try {
    const { entry } = await stage(folder, options);
    await Deno.mkdir(dirname(output), { recursive: true });
    const { artefact = trousseau, target } = options;
    await deno([...compileFlags(artefact, target), "--output", output, entry], folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  return { file: basename(output), sha256: await sha256(output) };
}

function compileFlags(artefact: Artefact, target: string | undefined): string[] {
  const sealed = ["--quiet", "--no-config", "--no-lock", "--no-check", "--no-remote", "--no-npm"];
  return ["compile", ...sealed, ...bakedFlags(artefact), ...(target === undefined ? [] : ["--target", target])];
}

/** The SHA-256 of a file, in lowercase hex. */
export async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  using file = await Deno.open(path);
  for await (const chunk of file.readable) hash.update(chunk);
  return hash.digest("hex");
}

/** Sums in the format that `sha256sum --check` reads. */
export function formatSums(sums: readonly Sum[]): string {
  return sums.map(({ file, sha256 }) => `${sha256}  ${file}\n`).join("");
}

/**
 * Reads what {@linkcode formatSums} or `sha256sum` wrote.
 *
 * @throws {Error} at a line of another form.
 */
export function parseSums(text: string): Sum[] {
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const [, sha256, file] = /^([0-9a-f]{64}) [ *](\S+)$/.exec(line) ?? [];
    if (sha256 === undefined || file === undefined) throw new Error(`Cannot read the line "${line}" as a SHA-256 sum.`);
    return { file, sha256 };
  });
}

/** A note for a build around another runtime than Deno's own; `undefined` for a real one. */
export function runtimeNote(): string | undefined {
  const stand = Deno.env.get("DENORT_BIN");
  return stand === undefined ? undefined : `Note: DENORT_BIN is set, so the binaries are made around ${stand}.`;
}

if (import.meta.main) {
  const { values } = parseArgs({ args: Deno.args, options: { target: { type: "string" } } });
  const dist = join(repository, "dist");
  const note = runtimeNote();
  if (note !== undefined) await Deno.stderr.write(new TextEncoder().encode(`${note}\n`));
  const target = values.target === undefined ? {} : { target: values.target };
  const sums: Sum[] = [];
  for (const artefact of artefacts) sums.push(await compile(join(dist, artefact.name), { artefact, ...target }));
  await Deno.writeTextFile(join(dist, "SHA256SUMS"), formatSums(sums));
  await Deno.stdout.write(new TextEncoder().encode(formatSums(sums)));
}
