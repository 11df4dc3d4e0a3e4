import { equal, rejects } from "node:assert/strict";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { UsageError } from "../command.ts";
import { snapshotOf } from "./snapshot_option.ts";

Deno.test("snapshotOf() takes a file, or the newest of a folder", () =>
  inFolder(async (folder) => {
    equal(await snapshotOf({ options: { snapshot: "a.db" } }), "a.db");
    await Deno.writeTextFile(`${folder}/b.db`, "");
    equal(await snapshotOf({ options: { newest: folder } }), `${folder}/b.db`);
    const days = (count: number) => (Date.now() - count * 86_400_000) / 1000;
    await Deno.utime(`${folder}/b.db`, days(36), days(36));
    await rejects(snapshotOf({ options: { newest: folder } }), /86\d hours old, more than 35d/);
    equal(await snapshotOf({ options: { newest: folder, "max-age": "37d" } }), `${folder}/b.db`);
  }));

Deno.test("snapshotOf() refuses options that do not go together, and an empty folder name", async () => {
  for (
    const options of [
      {},
      { snapshot: "" },
      { newest: "" },
      { snapshot: "a", newest: "b" },
      { snapshot: "a", "max-age": "1d" },
      { newest: "b", "max-age": "1" },
      { newest: "b", "max-age": "0s" },
    ]
  ) {
    await rejects(snapshotOf({ options }), UsageError, JSON.stringify(options));
  }
});
