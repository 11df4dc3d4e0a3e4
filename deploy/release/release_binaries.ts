/**
 * Compiles the binaries of a release, for all machines.
 *
 * @module
 */
import { join } from "node:path";
import { readBinaryFacts } from "../../lib/release/binary_facts.ts";
import { artefacts } from "../compile/artefacts.ts";
import { type Base, DenortUnavailable, provideBase } from "../compile/base.ts";
import { compileStaged } from "../compile/compile.ts";
import { checkPermissions } from "../compile/probe.ts";
import { stage } from "../compile/stage.ts";
import { type Architecture, architectures, binaryName, ownArchitecture } from "../compile/targets.ts";
import { inTemporaryFolder } from "../compile/temporary.ts";
import type { BomBinary } from "./make_bom.ts";

/** The options. */
export interface BinariesOptions {
  readonly root: string;
  readonly dist: string;
  /** Do not look for `denort`. */
  readonly standIn: boolean;
  /** Writes a line for the person who waits. */
  readonly note: (line: string) => Promise<void>;
}

/** Compiles each program for each machine into `dist`. */
export async function compileBinaries(options: BinariesOptions, signal: AbortSignal): Promise<BomBinary[]> {
  return await inTemporaryFolder({ prefix: "trousseau-release-" }, async (folder) => {
    const bases = new Map<Architecture, Base>();
    for (const architecture of architectures) bases.set(architecture, await baseOf(architecture, folder, options));
    const binaries: BomBinary[] = [];
    for (const artefact of artefacts) {
      signal.throwIfAborted();
      const { entry } = await stage(join(folder, "stage"), { root: options.root, artefact });
      for (const [architecture, base] of bases) {
        const file = binaryName(artefact.name, architecture, base.standIn);
        await options.note(`Compiling ${file}`);
        const { sha256 } = await compileStaged(join(options.dist, file), artefact, entry, { architecture, base });
        const facts = await readBinaryFacts(join(options.dist, file), base);
        if (facts.packages === undefined || facts.runtime !== base.sha256) {
          throw new Error(`Cannot release ${file}: deno compile did not keep the runtime or the modules as they were.`);
        }
        binaries.push({ file, artefact: artefact.name, architecture, sha256, packages: facts.packages, runtime: base });
      }
      const own = bases.get(ownArchitecture());
      if (own !== undefined && !own.standIn) await checkPermissions(artefact, own);
    }
    return binaries;
  });
}

/** `denort` for a machine; where it is nowhere to be had, the deno CLI as a stand-in. */
async function baseOf(
  architecture: Architecture,
  parent: string,
  { root, standIn, note }: BinariesOptions,
): Promise<Base> {
  const folder = join(parent, architecture);
  await Deno.mkdir(folder);
  try {
    return await provideBase({ architecture, folder, root, standIn });
  } catch (thrown) {
    if (!(thrown instanceof DenortUnavailable)) throw thrown;
    await note(thrown.message);
    await note(
      `The deno CLI stands in for denort on ${architecture}: the binaries can be compared and are no release.`,
    );
    return await provideBase({ architecture, folder, root, standIn: true });
  }
}
