/**
 * The parts of a release that are texts of the programs themselves: completions, and the JSON Schema.
 *
 * @module
 */
import { join } from "node:path";
import { shellScripts } from "../../lib/cli/completions.ts";
import { configJsonSchema } from "../../lib/config/json_schema.ts";
import { packagedPrograms } from "../packages/program_manuals.ts";
import type { ReleasePart } from "./part.ts";

/** `trousseau.bash`, `trousseau.zsh`, `trousseau.fish` and the same for clectl. */
export const completionScripts: ReleasePart = {
  name: "completions",
  async make({ dist }) {
    const files: string[] = [];
    for (const [name, program] of Object.entries(packagedPrograms)) {
      for (const [shell, script] of Object.entries(shellScripts)) {
        await Deno.writeTextFile(join(dist, `${name}.${shell}`), script(program));
        files.push(`${name}.${shell}`);
      }
    }
    return files;
  },
};

/** `trousseau.schema.json`, as `trousseau config schema` prints it. */
export const jsonSchema: ReleasePart = {
  name: "JSON Schema",
  async make({ dist }) {
    const file = "trousseau.schema.json";
    await Deno.writeTextFile(join(dist, file), `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
    return [file];
  },
};
