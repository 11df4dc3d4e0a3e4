/**
 * The worker of the embedded engine in a staged program, under the permissions of the binary.
 *
 * @module
 */
import assert from "node:assert/strict";
import { trousseau } from "../../deploy/compile/artefacts.ts";
import { deno, repository, stage } from "../../deploy/compile/stage.ts";
import { run } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";

const entry = "tests/support/store_program.ts";
const expected = { committed: true, text: "content", rows: 1, state: "ok" };

/** The permissions of the plugin, with a folder of the test in place of those that may be written. */
function artefactIn(folder: string) {
  return { ...trousseau, name: "store", entry, permissions: { ...trousseau.permissions, write: [folder] } };
}

Deno.test("the embedded engine works in staged modules under the permissions of the binary", async () => {
  await inFolder(async (folder) => {
    const { launcher } = await stage(`${folder}/stage`, { artefact: artefactIn(`${folder}/state`) });
    const { code, stdout, stderr } = await run(launcher, [`${folder}/state/store.db`], {
      env: { DENO: Deno.execPath() },
      cwd: "/",
    });
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    assert.deepEqual(JSON.parse(stdout), expected);
  });
});

Deno.test("the embedded engine works from its sources", async () => {
  await inFolder(async (folder) => {
    const permissions = ["--no-prompt", "--allow-read", `--allow-write=${folder}`];
    const printed = await deno(["run", "--quiet", ...permissions, entry, `${folder}/store.db`], repository);
    assert.deepEqual(JSON.parse(printed), expected);
  });
});
