/**
 * The manual pages of both programs, for the packages and as files of a release.
 *
 * @module
 */
import { join } from "node:path";
import { clectl } from "../../lib/cli/clectl/program.ts";
import type { Program } from "../../lib/cli/command.ts";
import { trousseau } from "../../lib/cli/trousseau/program.ts";
import type { ReleasePart } from "../release/part.ts";
import { type Edition, manualPages } from "./manual.ts";
import type { PackageName } from "./package_files.ts";

/** The programs. Their pages and completions do not depend on the terminal of a program. */
export const packagedPrograms = {
  trousseau: trousseau as Program,
  clectl: clectl as Program,
} as const satisfies Record<PackageName, Program>;

const layouts = { trousseau: "page for each command", clectl: "one page" } as const;

/** The manual pages of a program by file name. */
export async function manualsOf(name: PackageName, edition: Edition): Promise<ReadonlyMap<string, string>> {
  return await manualPages(packagedPrograms[name], layouts[name], edition);
}

/** The part of a release that has the manual pages as files: `trousseau.1`, `trousseau-check.1`, `clectl.1`. */
export const manuals: ReleasePart = {
  name: "manual pages",
  async make({ dist, ...edition }) {
    const files: string[] = [];
    for (const name of ["trousseau", "clectl"] as const) {
      for (const [file, text] of await manualsOf(name, edition)) {
        await Deno.writeTextFile(join(dist, file), text);
        files.push(file);
      }
    }
    return files;
  },
};
