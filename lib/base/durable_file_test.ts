import assert from "node:assert/strict";
import { utf8 } from "./bytes.ts";
import { readRegularFile, replaceFile, whyUnreadable, writeBeside } from "./durable_file.ts";
import { makeFifo } from "../../tests/support/fifo.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";

Deno.test("replaceFile() creates and replaces a file with the given mode, and leaves no temporary file", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/file`;
    await replaceFile(path, utf8("one"), 0o600);
    await replaceFile(path, utf8("two"), 0o600);
    assert.equal(await Deno.readTextFile(path), "two");
    assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["file"]);
  });
});

Deno.test("replaceFile() keeps the old file and leaves no temporary file after a failure", async () => {
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

Deno.test("readRegularFile() reads a file up to the limit, and rejects a larger one", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/file`;
    for (const [text, most] of [["", 0], ["ab", 2], ["ab", 3], ["x".repeat(70_000), 70_000]] as const) {
      await Deno.writeTextFile(path, text);
      assert.deepEqual(await readRegularFile(path, most), utf8(text));
    }
    await assert.rejects(readRegularFile(path, 69_999), { name: "TooLarge", why: "it is larger than 69999 bytes" });
    await assert.rejects(readRegularFile(path, 1024), { name: "TooLarge", why: "it is larger than 1 KiB" });
    await assert.rejects(readRegularFile(`${folder}/none`, 1), Deno.errors.NotFound);
  });
});

Deno.test("readRegularFile() follows a symlink to a regular file, as in projected volumes", async () => {
  await inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/..2026`);
    await Deno.writeTextFile(`${folder}/..2026/token`, "t");
    await Deno.symlink("..2026", `${folder}/..data`);
    await Deno.symlink("..data/token", `${folder}/token`);
    assert.deepEqual(await readRegularFile(`${folder}/token`, 10), utf8("t"));
  });
});

Deno.test("readRegularFile() refuses a FIFO, a device, a socket and a folder without waiting", async () => {
  await inFolder(async (folder) => {
    await makeFifo(`${folder}/fifo`);
    using _socket = Deno.listen({ transport: "unix", path: `${folder}/socket` });
    const refused = (what: string) => ({
      name: "NotARegularFile",
      why: `it is ${what}, and only a regular file is read`,
    });
    await assert.rejects(readRegularFile(`${folder}/fifo`, 10), refused("a pipe"));
    await assert.rejects(readRegularFile(`${folder}/socket`, 10), refused("no regular file"));
    await assert.rejects(readRegularFile(folder, 10), refused("a folder"));
    await assert.rejects(readRegularFile("/dev/zero", 10), refused("no regular file"));
  });
});

Deno.test("readRegularFile() does not wait for a FIFO that replaced the file after stat()", async () => {
  await inFolder(async (folder) => {
    await makeFifo(`${folder}/fifo`);
    await Deno.writeTextFile(`${folder}/file`, "x");
    const { stat } = Deno;
    Deno.stat = () => stat(`${folder}/file`);
    try {
      await assert.rejects(readRegularFile(`${folder}/fifo`, 10), { name: "NotARegularFile" });
    } finally {
      Deno.stat = stat;
    }
  });
});

Deno.test("whyUnreadable() returns the end of a sentence for each reason", async () => {
  await inFolder(async (folder) => {
    const why = (path: string) => readRegularFile(path, 10).then(() => "", (thrown) => whyUnreadable(thrown, path));
    assert.equal(await why(`${folder}/none`), "there is no such file");
    await Deno.writeTextFile(`${folder}/file`, "");
    assert.equal(await why(`${folder}/file/none`), "a part of its path is a file, not a folder");
    await Deno.symlink(`${folder}/loop`, `${folder}/loop`);
    assert.equal(await why(`${folder}/loop`), "its symbolic links lead in a circle");
    assert.equal(await why(folder), "it is a folder, and only a regular file is read");
    assert.match(whyUnreadable(new Deno.errors.PermissionDenied("/p"), "/p"), /^this user may not read it/);
    assert.match(whyUnreadable(new Deno.errors.NotCapable("/p"), "/p"), /^Trousseau may not read there/);
    assert.equal(whyUnreadable(new TypeError("/p"), "/p"), "the system gives no reason (TypeError)");
  });
});
