import { deepEqual, equal, match } from "node:assert/strict";
import type { Event } from "../events.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { FirstEncrypt, firstEncryptFile } from "./first_encrypt.ts";

const quiet = () => {};

Deno.test("FirstEncrypt keeps the first time under each key ID, over a restart too", async () => {
  await inFolder(async (folder) => {
    const file = firstEncryptFile(`${folder}/state`);
    const first = await FirstEncrypt.open(file, quiet);
    equal(first.at("t1-a"), undefined);
    first.note("t1-a", 1_000.4);
    first.note("t1-a", 2_000);
    equal(first.at("t1-a"), 1_000);
    await first.written();
    const again = await FirstEncrypt.open(file, quiet);
    again.note("t1-a", 3_000);
    equal(again.at("t1-a"), 1_000);
    again.note("t1-b", 4_000);
    deepEqual([again.at("t1-a"), again.at("t1-b")], [undefined, 4_000]);
    await again.written();
    equal((await FirstEncrypt.open(file, quiet)).at("t1-b"), 4_000);
    equal(((await Deno.stat(`${folder}/state/first-encrypt.json`)).mode ?? 0) & 0o777, 0o600);
  });
});

Deno.test("FirstEncrypt warns of a file that cannot be used, and stops nothing", async () => {
  await inFolder(async (folder) => {
    const events: Event[] = [];
    await Deno.writeTextFile(`${folder}/first-encrypt.json`, '{"format":1,"keyId":7,"at":1}');
    const found = await FirstEncrypt.open(firstEncryptFile(folder), (event) => void events.push(event));
    match(JSON.stringify(events), /the file is damaged; remove it\. `status` may not know/);
    found.note("t1-a", 1_000);
    await found.written();
    equal((await FirstEncrypt.open(firstEncryptFile(folder), quiet)).at("t1-a"), 1_000, "written over");
  });
});

Deno.test("FirstEncrypt warns where it cannot write, and goes on in memory", async () => {
  const events: Event[] = [];
  const file = { read: () => Promise.resolve(undefined), write: () => Promise.reject(new Error("canary")) };
  const first = await FirstEncrypt.open(file, (event) => void events.push(event));
  first.note("t1-a", 1_000);
  await first.written();
  equal(first.at("t1-a"), 1_000);
  deepEqual(events.map(({ type }) => type), ["lifecycle"]);
  equal(JSON.stringify(events).includes("canary"), false);
});
