import { equal, match, rejects } from "node:assert/strict";
import { sealedSnapshot } from "../../../tests/support/snapshot_file.ts";
import { TemporaryConfig } from "../../../tests/support/temporary_config.ts";
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

Deno.test("decrypt --newest --check ends with 65 and one sentence if the newest snapshot is too old, else with 0", async () => {
  await using config = await TemporaryConfig.make({});
  const folder = `${config.folder}/snapshots`;
  await Deno.mkdir(folder);
  const drill = ["decrypt", "--newest", folder, "--check"];
  equal((await config.run(...drill)).status, 65, "an empty folder");
  await Deno.writeFile(`${folder}/a.db`, await sealedSnapshot(`${config.folder}/local.keys`));
  equal((await config.run(...drill)).status, 0);
  const old = (Date.now() - 36 * 86_400_000) / 1000;
  await Deno.utime(`${folder}/a.db`, old, old);
  const { status, out, err } = await config.run(...drill);
  equal(status, 65);
  equal(out, "");
  match(
    err,
    /^trousseau: .*a\.db is the newest snapshot and \d+ hours old, more than 35d: [^\n]+\nRun "\w+ help error \S+" for cause and cure\.\n$/,
  );
  equal(JSON.parse((await config.run(...drill, "--json")).out).error.code, "snapshot_outdated");
});
