import assert from "node:assert/strict";
import { serveMirror } from "../../tests/support/tiny_debian.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { newestPackages } from "./debian_update.ts";

Deno.test("newestPackages() takes nothing from a mirror without signed lists, and says so in one sentence", async () => {
  await inFolder(async (folder) => {
    await using mirror = serveMirror(folder);
    await assert.rejects(newestPackages(mirror.address, AbortSignal.timeout(60_000)), {
      message: /^Cannot ask for newer packages: apt-get [^\n]+\.$/,
    });
    // Without apt there is no question.
    if (mirror.asked.length > 0) assert.ok(mirror.asked.includes("/debian/dists/trixie/InRelease"));
  });
});
