/**
 * Prints the SHA-256 of `denort` for each machine, and adds it to the table with `--add`.
 *
 * `deno task denort [--add]`
 *
 * @module
 */
import { parseArgs } from "node:util";
import { sha256Hex } from "../../lib/base/bytes.ts";
import { DenortUnavailable, findDenort, refuseOtherFile } from "./base.ts";
import { say, sayFailure } from "./compile.ts";
import { addDenortSum, denortSum } from "./denort_sums.ts";
import { repository } from "./stage.ts";
import { type Architecture, architectures } from "./targets.ts";
import { inTemporaryFolder } from "./temporary.ts";

/**
 * Hashes the `denort` that Deno downloads, or that of `DENORT_BIN` for its machine.
 *
 * @throws {Error} if it is the deno CLI or for another machine.
 */
async function currentSum(architecture: Architecture): Promise<string> {
  return await inTemporaryFolder({ prefix: "trousseau-base-" }, async (folder) => {
    const { bytes, place } = await findDenort(architecture, folder);
    refuseOtherFile(bytes, place, architecture);
    return sha256Hex(bytes);
  });
}

async function compareOne(architecture: Architecture, add: boolean): Promise<void> {
  const [known, found] = [await denortSum(repository, architecture), await currentSum(architecture)];
  if (known !== undefined && known !== found) {
    throw new Error(`Cannot accept denort for ${architecture}: its SHA-256 is ${found}, and the table has ${known}.`);
  }
  if (known === undefined && add) await addDenortSum(repository, architecture, found);
  const state = known !== undefined ? "as in the table" : add ? "added to the table" : "not in the table";
  await say(Deno.stdout, `${found}  denort ${Deno.version.deno} for ${architecture}: ${state}`);
}

if (import.meta.main) {
  const { values } = parseArgs({ args: Deno.args, options: { add: { type: "boolean" } } });
  for (const architecture of architectures) {
    try {
      await compareOne(architecture, values.add ?? false);
    } catch (thrown) {
      await sayFailure(thrown, thrown instanceof DenortUnavailable ? 69 : 1);
    }
  }
}
