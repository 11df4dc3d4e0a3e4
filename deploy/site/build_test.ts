import { deepEqual, rejects } from "node:assert/strict";
import { join } from "node:path";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { buildSite } from "./build.ts";

Deno.test("buildSite() leaves a folder alone that is no site, and a clone that has one", async () => {
  for (const names of [["mine.html"], [".trousseau-site", ".git"]]) {
    await inFolder(async (folder) => {
      for (const name of names) await Deno.writeTextFile(join(folder, name), "");
      await rejects(buildSite(folder), {
        message: `Cannot replace ${folder}: it has files that this task did not make. Name a new or an empty folder.`,
      });
      deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).toSorted(), names.toSorted());
    });
  }
});
