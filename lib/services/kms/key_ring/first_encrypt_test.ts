import { deepEqual, equal, match } from "node:assert/strict";
import type { Event } from "../../../telemetry/events.ts";
import { FakeClock } from "../../../../tests/support/fake_clock.ts";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";
import { FirstEncrypt, firstEncryptFile } from "./first_encrypt.ts";

const quiet = () => {};

Deno.test("FirstEncrypt keeps the first time under each key ID, also over a restart", async () => {
  await inFolder(async (folder) => {
    const clock = new FakeClock();
    const start = clock.wall();
    const file = firstEncryptFile(`${folder}/state`);
    const first = await FirstEncrypt.open(file, quiet, clock);
    equal(first.at("t1-a"), undefined);
    await clock.advance(1_000.4);
    first.note("t1-a");
    await clock.advance(1_000);
    first.note("t1-a");
    equal(first.at("t1-a"), start + 1_000);
    await first.written();
    const again = await FirstEncrypt.open(file, quiet, clock);
    again.note("t1-a");
    equal(again.at("t1-a"), start + 1_000);
    again.note("t1-b");
    deepEqual([again.at("t1-a"), again.at("t1-b")], [undefined, start + 2_000]);
    await again.written();
    equal((await FirstEncrypt.open(file, quiet, clock)).at("t1-b"), start + 2_000);
    equal(((await Deno.stat(`${folder}/state/first-encrypt.json`)).mode ?? 0) & 0o777, 0o600);
  });
});

Deno.test("FirstEncrypt warns of a file that cannot be used, and continues", async () => {
  await inFolder(async (folder) => {
    const events: Event[] = [];
    const clock = new FakeClock();
    await Deno.writeTextFile(`${folder}/first-encrypt.json`, '{"format":1,"keyId":7,"at":1}');
    const found = await FirstEncrypt.open(firstEncryptFile(folder), (event) => void events.push(event), clock);
    match(JSON.stringify(events), /the file is damaged; remove it\. `status` may not know/);
    found.note("t1-a");
    await found.written();
    const again = await FirstEncrypt.open(firstEncryptFile(folder), quiet, clock);
    equal(again.at("t1-a"), clock.wall(), "written over");
  });
});

Deno.test("FirstEncrypt warns if it cannot write, and continues in memory", async () => {
  const events: Event[] = [];
  const clock = new FakeClock();
  const file = { read: () => Promise.resolve(undefined), write: () => Promise.reject(new Error("canary")) };
  const first = await FirstEncrypt.open(file, (event) => void events.push(event), clock);
  first.note("t1-a");
  await first.written();
  equal(first.at("t1-a"), clock.wall());
  deepEqual(events.map(({ type }) => type), ["lifecycle"]);
  equal(JSON.stringify(events).includes("canary"), false);
});

Deno.test("FirstEncrypt returns the time by the present wall clock, and a former run's time unchanged", async () => {
  await inFolder(async (folder) => {
    const clock = new FakeClock();
    const file = firstEncryptFile(folder);
    const first = await FirstEncrypt.open(file, quiet, clock);
    first.note("t1-a");
    await first.written();
    const written = clock.wall();
    clock.setWall(3 * 3_600_000);
    equal(first.at("t1-a"), clock.wall());
    equal((await FirstEncrypt.open(file, quiet, clock)).at("t1-a"), written);
  });
});
