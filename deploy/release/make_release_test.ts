import { deepEqual, ok, rejects } from "node:assert/strict";
import { join } from "node:path";
import { stageRelease } from "../../tests/support/release_stage.ts";
import type { ReleaseContext } from "./part.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";

Deno.test("makeRelease() replaces a release, and refuses a folder with a file that is not of one", async () => {
  await inFolder(async (folder) => {
    const dist = join(folder, "dist");
    await stageRelease(dist, { key: undefined });
    await stageRelease(dist, { key: undefined });
    await Deno.writeTextFile(join(dist, "mine.txt"), "");
    const names = [...Deno.readDirSync(dist)].map(({ name }) => name);
    await rejects(stageRelease(dist, { key: undefined }), {
      message: `Cannot replace ${dist}: it has files that this task did not make. Name a new or an empty folder.`,
    });
    deepEqual([...Deno.readDirSync(dist)].map(({ name }) => name), names);
    await Deno.remove(join(dist, "mine.txt"));
    await Deno.remove(join(dist, "SHA256SUMS"));
    await rejects(stageRelease(dist, { key: undefined }), { message: /files that this task did not make/ });
    ok((await Deno.stat(join(dist, "notes/one.txt"))).isFile);
  });
});

Deno.test("makeRelease() refuses a name of a file that a server of files would change", async () => {
  for (const name of ["trousseau_1.0.0~rc.1_amd64.deb", "two words", "a:b", "ü"]) {
    await inFolder(async (folder) => {
      const part = {
        name: "notes",
        make: async ({ dist }: ReleaseContext) => {
          await Deno.writeTextFile(join(dist, name), "");
          return [name];
        },
      };
      const dist = join(folder, "dist");
      await rejects(stageRelease(dist, { key: undefined, parts: [part] }), {
        message: `Cannot make the release: notes makes ${name}, and a name has letters, digits and . _ + - alone.`,
      });
      deepEqual([...Deno.readDirSync(folder)], []);
    });
  }
});
