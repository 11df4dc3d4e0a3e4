import assert from "node:assert/strict";
import { utf8 } from "./bytes.ts";
import { readAtMost, replaceFile, writeBeside } from "./durable_file.ts";
import { inFolder } from "../tests/support/temporary_folder.ts";

Deno.test("replaceFile() makes a file and replaces it, with the mode asked for and nothing left beside it", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/file`;
    await replaceFile(path, utf8("one"), 0o600);
    await replaceFile(path, utf8("two"), 0o600);
    assert.equal(await Deno.readTextFile(path), "two");
    assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["file"]);
  });
});

Deno.test("replaceFile() leaves the old file and nothing else where it fails", async () => {
  await inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/file/inside`, { recursive: true });
    await assert.rejects(replaceFile(`${folder}/file`, utf8("x"), 0o600));
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["file"]);
  });
});

Deno.test("writeBeside() writes a hidden file in the same folder", async () => {
  await inFolder(async (folder) => {
    const temporary = await writeBeside(`${folder}/file`, utf8("x"), 0o600);
    assert.ok(temporary.startsWith(`${folder}/.file.`));
    assert.equal(await Deno.readTextFile(temporary), "x");
  });
});

Deno.test("readAtMost() reads a file up to the limit, and nothing of a larger one or of a device", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/file`;
    for (const [text, most] of [["", 0], ["ab", 2], ["ab", 3]] as const) {
      await Deno.writeTextFile(path, text);
      assert.deepEqual(await readAtMost(path, most), utf8(text));
    }
    assert.equal(await readAtMost(path, 1), undefined);
    assert.equal(await readAtMost("/dev/zero", 100_000), undefined);
    await assert.rejects(readAtMost(`${folder}/none`, 1), Deno.errors.NotFound);
  });
});
