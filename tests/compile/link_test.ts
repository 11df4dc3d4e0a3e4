/**
 * A link to the staged launcher, from another folder.
 *
 * @module
 */
import assert from "node:assert/strict";
import { trousseau as artefact } from "../../deploy/compile/artefacts.ts";
import { stage } from "../../deploy/compile/stage.ts";
import { trousseau } from "../../lib/cli/trousseau/program.ts";
import { run } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";

Deno.test("a link named trousseaud adds the words keyring serve, and no other name adds any", async () => {
  assert.deepEqual(artefact.links, trousseau.links);
  await inFolder(async (folder) => {
    const { launcher } = await stage(`${folder}/stage`);
    const env = { DENO: Deno.execPath() };
    for (const name of ["trousseaud", "other"]) await Deno.symlink(launcher, `${folder}/${name}`);
    assert.match((await run(`${folder}/trousseaud`, ["--help"], { env })).stdout, /^Serve the keyring /);
    assert.match((await run(`${folder}/other`, ["version"], { env })).stdout, /^trousseau \d/);
  });
});
