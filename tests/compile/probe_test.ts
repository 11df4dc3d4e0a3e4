/**
 * The program that tries out permissions, run with the flags of the binaries.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { artefacts, clectl, runFlags, trousseau } from "../../deploy/compile/artefacts.ts";
import { provideBase } from "../../deploy/compile/base.ts";
import { checkPermissions, expectedProbe, probeModule, probeProblem, runProbe } from "../../deploy/compile/probe.ts";
import { ownArchitecture } from "../../deploy/compile/targets.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { findRuntime } from "./support.ts";

const runtime = await findRuntime();

for (const artefact of artefacts) {
  Deno.test(`the probe finds the permissions of ${artefact.name} as in the table`, async () => {
    await inFolder(async (folder) => {
      const probe = join(folder, "probe.js");
      await Deno.writeTextFile(probe, probeModule);
      const result = await runProbe(Deno.execPath(), [...runFlags(artefact), probe]);
      assert.deepEqual(result, expectedProbe(artefact));
      assert.equal(probeProblem(artefact, result), undefined);
    });
  });

  Deno.test({
    name: `the compiled probe finds the permissions of ${artefact.name} as in the table${
      runtime.real ? "" : " (cannot: no denort is at hand)"
    }`,
    ignore: !runtime.real,
    fn: () =>
      inFolder(async (folder) => {
        await checkPermissions(artefact, await provideBase({ architecture: ownArchitecture(), folder, standIn: true }));
      }),
  });
}

Deno.test("probeProblem() names each permission that differs", async () => {
  const flags = ["run", "--quiet", "--no-config", "--allow-run", "--allow-read", "--allow-net", "--allow-env"];
  await inFolder(async (folder) => {
    const probe = join(folder, "probe.js");
    await Deno.writeTextFile(probe, probeModule);
    const result = await runProbe(Deno.execPath(), [...flags, "--no-prompt", probe]);
    assert.equal(
      probeProblem(trousseau, result),
      "Cannot use the binaries of trousseau: their permissions differ from the table: " +
        "run a process (permitted), read any variable (permitted).",
    );
    assert.match(
      probeProblem(clectl, result) ?? "",
      /write to \/etc \(refused\).*listen on every interface \(permitted\)/,
    );
    assert.match(probeProblem(clectl, {}) ?? "", /load a library \(not tried\)/);
  });
});
