import assert from "node:assert/strict";
import { join } from "node:path";
import { realFiles } from "./files.ts";

Deno.test("realFiles.kind() tells what stands at a path, and follows links", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = (name: string) => join(folder, name);
    await Deno.writeTextFile(path("file"), "x");
    await Deno.symlink(path("file"), path("link"));
    await Deno.symlink(path("absent"), path("dangling"));
    const expected = {
      file: "file",
      link: "file",
      dangling: "absent",
      absent: "absent",
      "file/below": "absent",
      ".": "folder",
    };
    for (const [name, kind] of Object.entries(expected)) assert.equal(await realFiles.kind(path(name)), kind, name);
    assert.equal(await realFiles.kind("/dev/null"), "other");
    assert.equal(new TextDecoder().decode(await realFiles.read(path("file"), 1)), "x");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test({
  name: "realFiles.mayWrite() is what the process was permitted",
  permissions: { write: [Deno.cwd()] },
  async fn() {
    assert.equal(await realFiles.mayWrite("./run/kms.sock"), true);
    assert.equal(await realFiles.mayWrite("/srv/trousseau"), false);
  },
});
