import { equal, rejects } from "node:assert/strict";
import { KmsError } from "../../base/errors.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { newestSnapshot } from "./newest_snapshot.ts";
import { SnapshotError } from "./snapshot_error.ts";

const day = 86_400_000;
const now = Date.parse("2026-06-30T12:00:00Z");
const limit = 35 * day;

/** Makes a file of a given age in days. */
async function make(folder: string, name: string, days: number): Promise<void> {
  await Deno.writeTextFile(`${folder}/${name}`, "x");
  const at = (now - days * day) / 1000;
  await Deno.utime(`${folder}/${name}`, at, at);
}

Deno.test("newestSnapshot() takes the file that was modified last", () =>
  inFolder(async (folder) => {
    await make(folder, "a.db", 3);
    await make(folder, "b.db", 2);
    await make(folder, "c.db", 9);
    equal(await newestSnapshot(folder, limit, now), `${folder}/b.db`);
    await make(folder, "etcd-snapshot-node-1767225600", 1);
    equal(await newestSnapshot(folder, limit, now), `${folder}/etcd-snapshot-node-1767225600`);
  }));

Deno.test("newestSnapshot() passes over folders, unfinished files, checksums and links to nothing", () =>
  inFolder(async (folder) => {
    await make(folder, "a.db", 3);
    for (const name of ["b.db.part", ".hidden.db", "a.db.sha256", "c.tmp"]) await make(folder, name, 1);
    await Deno.mkdir(`${folder}/folder.db`);
    await Deno.symlink(`${folder}/nothing`, `${folder}/link.db`);
    equal(await newestSnapshot(folder, limit, now), `${folder}/a.db`);
  }));

Deno.test("newestSnapshot() takes an empty file too, so that a backup that fails is seen", () =>
  inFolder(async (folder) => {
    await make(folder, "a.db", 3);
    await Deno.writeTextFile(`${folder}/b.db`, "");
    await Deno.utime(`${folder}/b.db`, now / 1000, now / 1000);
    equal(await newestSnapshot(folder, limit, now), `${folder}/b.db`);
  }));

Deno.test("newestSnapshot() refuses one that is too old, in one sentence", () =>
  inFolder(async (folder) => {
    await make(folder, "a.db", 34.9);
    equal(await newestSnapshot(folder, limit, now), `${folder}/a.db`);
    await make(folder, "a.db", 36);
    await rejects(
      newestSnapshot(folder, limit, now),
      new SnapshotError(
        `${folder}/a.db is the newest snapshot and 864 hours old, more than 35d: find out why no newer one was saved.`,
        "snapshot_outdated",
      ),
    );
    await make(folder, "a.db", 1.1);
    await rejects(newestSnapshot(folder, day, now), /26 hours old, more than 1d:/);
  }));

Deno.test("newestSnapshot() refuses one of the future, an empty folder, and none", () =>
  inFolder(async (folder) => {
    await rejects(newestSnapshot(folder, limit, now), SnapshotError);
    await make(folder, "a.db", -0.5);
    equal(await newestSnapshot(folder, limit, now), `${folder}/a.db`);
    await make(folder, "a.db", -2);
    await rejects(newestSnapshot(folder, limit, now), /dated in the future/);
    for (const wrong of [`${folder}/nothing`, `${folder}/a.db`]) {
      await rejects(newestSnapshot(wrong, limit, now), (thrown) =>
        thrown instanceof KmsError && thrown.code === "config");
    }
  }));
