import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { KmsError } from "./errors.ts";
import { StateFolderWatch, whyFolderUnwritable } from "./state_folder.ts";

const minute = 60_000;

async function names(folder: string): Promise<readonly string[]> {
  return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
}

/** A watch over a folder that a test makes fail. */
function watched() {
  const clock = new FakeClock();
  /** What the watch reported, `""` for a folder that is writable. */
  const reports: string[] = [];
  const disk: { why: string | undefined; hangs: Promise<void> | undefined } = { why: undefined, hangs: undefined };
  const look = async () => {
    await disk.hangs;
    return disk.why;
  };
  const watch = new StateFolderWatch({
    folder: "/state",
    clock,
    onChange: (message) => void reports.push(message),
    look,
  });
  watch.start();
  return { clock, reports, disk, watch };
}

Deno.test("whyFolderUnwritable() leaves nothing behind, whatever comes of it", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/key-ring.json`, "{}");
    equal(await whyFolderUnwritable(folder), undefined);
    deepEqual(await names(folder), ["key-ring.json"]);
    equal(await whyFolderUnwritable(`${folder}/missing`), "there is no such file or folder; make its folder first");
    equal(await whyFolderUnwritable(`${folder}/key-ring.json`), "a part of its path is a file, not a folder");
    deepEqual(await names(folder), ["key-ring.json"]);
  }));

Deno.test("whyFolderUnwritable() tries as much as the largest of the folder's own files has, and not as an audit file", () =>
  inFolder(async (folder) => {
    const tried: number[] = [];
    const write = async (path: string, bytes: Uint8Array) => {
      tried.push(bytes.length);
      await Deno.writeFile(path, bytes);
      return path;
    };
    await Deno.writeFile(`${folder}/audit.log`, new Uint8Array(300_000));
    equal(await whyFolderUnwritable(folder, write), undefined);
    await Deno.writeFile(`${folder}/key-ring.json`, new Uint8Array(20_000));
    equal(await whyFolderUnwritable(folder, write), undefined);
    deepEqual(tried, [4_096, 20_000]);
  }));

Deno.test("StateFolderWatch finds a full disk within a minute, and its end, and tells each once", async () => {
  const { clock, reports, disk, watch } = watched();
  await clock.advance(1);
  deepEqual([watch.status().writable, reports.length], [true, 0]);
  disk.why = "the disk is full";
  await clock.advance(5 * minute);
  const { writable, since, message } = watch.status();
  equal(writable, false);
  match(message, /^Cannot write to the state folder \/state: the disk is full\. Encrypt and Decrypt go on; /);
  ok(clock.wall() - since >= 3 * minute && clock.wall() - since <= 5 * minute);
  clock.setWall(3 * 60 * minute);
  ok(clock.wall() - watch.status().since <= 5 * minute, "by the wall clock of now");
  disk.why = undefined;
  await clock.advance(minute);
  deepEqual([watch.status().writable, watch.status().message], [true, ""]);
  deepEqual(reports.map((message) => message === ""), [false, true]);
  await watch[Symbol.asyncDispose]();
});

Deno.test("StateFolderWatch looks at once where a write succeeds in a folder that was full", async () => {
  const { clock, disk, watch } = watched();
  disk.why = "the disk is full";
  await clock.advance(minute);
  equal(watch.status().writable, false);
  disk.why = undefined;
  await watch.watched("key IDs", Promise.resolve());
  await clock.settle();
  equal(watch.status().writable, true);
  await watch[Symbol.asyncDispose]();
});

Deno.test("StateFolderWatch looks at once where a write fails, and shows a file that cannot be written alone", async () => {
  const { clock, reports, disk, watch } = watched();
  await clock.advance(1);
  disk.why = "the disk is full";
  const failure = new KmsError("config", "Cannot write the key IDs of this node to /state/key-ring.json: canary.");
  await rejects(watch.watched("key IDs", Promise.reject(failure)), failure);
  await clock.settle();
  match(watch.status().message, /the disk is full/);
  disk.why = undefined;
  await clock.advance(minute);
  match(
    watch.status().message,
    /key-ring\.json: canary\. Encrypt and Decrypt go on/,
    "the folder is well, the file not",
  );
  equal(await watch.watched("key IDs", Promise.resolve(7)), 7);
  equal(watch.status().writable, true);
  await rejects(watch.watched("first Encrypt", Promise.reject(failure)), failure);
  await clock.advance(4 * minute);
  equal(watch.status().writable, true, "what is written once is not waited for for ever");
  equal(reports.filter((message) => message === "").length, 2);
  await watch[Symbol.asyncDispose]();
});

Deno.test("StateFolderWatch shows a write that does not end, and does not wait for it", async () => {
  const { clock, disk, watch } = watched();
  const hang = Promise.withResolvers<void>();
  await clock.advance(1);
  disk.hangs = hang.promise;
  await clock.advance(2 * minute);
  match(watch.status().message, /Cannot write to the state folder \/state: a write does not come to its end\./);
  await watch[Symbol.asyncDispose]();
  hang.resolve();
  await clock.settle();
});
