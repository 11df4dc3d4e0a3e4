import assert from "node:assert/strict";
import { join } from "node:path";
import { realFiles } from "./files.ts";
import { failing, type FailingErrno } from "../../tests/support/failing_system.ts";

Deno.test("realFiles.kind() distinguishes the types of file, and follows links", async () => {
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
  name: "realFiles.mayWrite() is Deno's write permission",
  permissions: { write: [Deno.cwd()] },
  async fn() {
    assert.equal(await realFiles.mayWrite("./run/kms.sock"), true);
    assert.equal(await realFiles.mayWrite("/srv/trousseau"), false);
  },
});

Deno.test("realFiles.canWrite() tries to write and leaves nothing behind", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(folder, "file"), "");
    for (
      const [path, expected] of [["", true], ["a", true], ["a/b/c", true], ["file", false], ["file/a", false]] as const
    ) {
      assert.equal(await realFiles.canWrite(join(folder, path)), expected, path);
      assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["file"]);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test({
  name: "realFiles.canWrite() is false without Deno's permission",
  permissions: { read: true, write: [Deno.cwd()] },
  fn: async () => assert.equal(await realFiles.canWrite("/tmp/trousseau-not-permitted"), false),
});

Deno.test("realFiles.kind() distinguishes a failing disk from a refusal", async () => {
  const kindAfter = async (errno: FailingErrno) => {
    using _failure = failing("stat", errno);
    return await realFiles.kind("/x");
  };
  for (const errno of ["EACCES", "EPERM"] as const) assert.equal(await kindAfter(errno), "forbidden");
  for (const errno of ["EIO", "ESTALE", "ENFILE"] as const) assert.equal(await kindAfter(errno), "failing");
});
