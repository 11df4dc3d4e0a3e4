import assert from "node:assert/strict";
import { join } from "node:path";
import { trousseau } from "../../../deploy/compile/artefacts.ts";
import { launcherText } from "../../../deploy/compile/stage.ts";
import { run } from "../../support/processes.ts";
import { inFolder } from "../../support/temporary_folder.ts";
import { emptyLauncher, withFirstModule } from "./empty_launcher.ts";

Deno.test("withFirstModule() changes nothing of a launcher but its first module", () => {
  const text = launcherText(trousseau);
  const changed = withFirstModule(text, "/run/empty.js");
  assert.ok(changed.endsWith(` "/run/empty.js" "$@"\n`));
  const flags = text.slice(0, text.lastIndexOf(` "\${self`));
  assert.equal(changed.slice(0, changed.lastIndexOf(` "/run`)), flags);
});

Deno.test("withFirstModule() takes the launcher of a bundle in one file", () => {
  const text = `#!/bin/sh\nexec "\${DENO:-deno}" 'run' '--quiet' "$(dirname "$0")/trousseau.js" "$@"\n`;
  assert.equal(
    withFirstModule(text, "/run/empty.js"),
    `#!/bin/sh\nexec "\${DENO:-deno}" 'run' '--quiet' "/run/empty.js" "$@"\n`,
  );
});

Deno.test("withFirstModule() refuses a text that names no module", () => {
  assert.throws(() => withFirstModule("#!/bin/sh\nexec trousseau\n", "/run/empty.js"), /Cannot make an empty program/);
});

Deno.test("emptyLauncher() ends well without output, under the flags of the launcher", async () => {
  await inFolder(async (folder) => {
    const launcher = join(folder, "trousseau");
    await Deno.writeTextFile(launcher, launcherText(trousseau), { mode: 0o755 });
    const empty = await emptyLauncher(launcher, folder);
    const { code, stdout, stderr } = await run(empty, ["version"], { env: { DENO: Deno.execPath() } });
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: "", stderr: "" });
  });
});
