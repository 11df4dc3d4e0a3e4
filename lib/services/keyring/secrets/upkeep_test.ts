/**
 * `reseal`, `reindex` and `verify` of stores with secrets.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fastPauses } from "../../../../tests/support/fast_clock.ts";
import { TestSecrets, textField } from "../../../../tests/support/keyring_secrets.ts";
import { folderPath, secretPath } from "../../../api/keyring/paths.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { reseal } from "../records/reseal.ts";
import { reindex } from "./reindex.ts";
import { secretContexts } from "./value_contexts.ts";
import { verifyStore } from "./verify.ts";

const { signal } = new AbortController();
const call = { signal };
const contexts = secretContexts;

async function filled(count: number, stage: TestSecrets = new TestSecrets()): Promise<TestSecrets> {
  for (let index = 0; index < count; index++) await stage.make(`f${index % 3}/g/${index}`, `v${index}`);
  return stage;
}

async function readsAll(stage: TestSecrets, count: number): Promise<void> {
  for (let index = 0; index < count; index++) assert.equal(await stage.text(`f${index % 3}/g/${index}`), `v${index}`);
}

Deno.test("reseal() keeps every secret, its versions and staged imports", async () => {
  await using stage = await filled(20);
  await stage.secrets.update(secretPath("f0/g/0"), { fields: [textField("value", "v0"), textField("b", "2")] }, call);
  const items = Array.from({ length: 30 }, (_, index) => ({
    path: secretPath(`in/${index}`),
    fields: [textField("value", "imported")],
  }));
  let skipped: number | undefined;
  stage.engine.before = async (verb, _, writes) => {
    const isStaged = stage.engine.rows("claim").length > 0;
    if (verb !== "commit" || !isStaged || !writes.some(({ table }) => table === "claim")) return;
    stage.engine.before = () => {};
    ({ skipped } = await reseal(stage.again().store, { signal, contexts }));
  };
  const report = await stage.secrets.import(items, { signal, dryRun: false });
  assert.equal(skipped, 0);
  assert.equal(report.applied, true);
  await readsAll(stage, 20);
  await readsAll(stage.again(), 20);
  assert.equal(await stage.again().text("in/0"), "imported");
  assert.equal(await stage.again().text("f0/g/0", 1), "v0");
  assert.deepEqual((await verifyStore(stage.again().store, { signal })).problems, []);
});

Deno.test("reindex() gives every row another key and leaves every path where it was, on all servers", async () => {
  await using stage = await filled(60);
  await using other = stage.again();
  await readsAll(other, 60);
  const before = new Set(stage.engine.rows("index").map(({ key }) => key.toString()));
  const moved: number[] = [];
  assert.equal(await reindex(stage.store, { signal, onProgress: (count) => void moved.push(count) }), 66);
  assert.ok(moved.length > 2);
  assert.ok(stage.engine.rows("index").every(({ key }) => !before.has(key.toString())));
  for (const server of [other, stage, stage.again()]) {
    await readsAll(server, 60);
    assert.deepEqual(await server.paths(), ["f0/", "f1/", "f2/"]);
  }
  await using stale = stage.again();
  await stale.store.ready(signal);
  await reindex(stage.store, { signal });
  await readsAll(stale, 60);
  assert.deepEqual((await stale.paths("f1/g/")).length, 20);
  await assert.rejects(stale.text("f1/g/none"), { code: "not_found" });
  assert.equal(stage.engine.rows("key").length, 4);
  assert.deepEqual((await verifyStore(stage.store, { signal })).problems, []);
});

Deno.test("reindex() that is interrupted at any of its commits loses no path, and is gone on with", async () => {
  for (let at = 1; at < 8; at++) {
    await using stage = await filled(30);
    let commits = 0;
    stage.engine.before = (verb) => {
      if (verb === "commit" && ++commits === at) throw new KeyringError("store_unavailable", "Interrupted.");
    };
    const result = await reindex(stage.store, { signal }).then(() => "ended", ({ code }) => code);
    stage.engine.before = () => {};
    if (result === "ended") break;
    await using other = stage.again();
    await readsAll(other, 30);
    await other.make(`new/${at}`, "new");
    await other.secrets.move(secretPath("f0/g/0"), secretPath("moved/0"), call);
    await assert.rejects(other.text("f0/g/0"), { code: "not_found" });
    await reindex(other.store, { signal });
    for (const server of [other, stage]) {
      assert.equal(await server.text("moved/0"), "v0");
      assert.equal(await server.text(`new/${at}`), "new");
      assert.equal(await server.text("f1/g/1"), "v1");
    }
    assert.deepEqual((await verifyStore(other.store, { signal })).problems, []);
  }
});

Deno.test("reindex() and reseal() with writers on another server lose nothing", async () => {
  await using stage = await filled(40, new TestSecrets({ clock: fastPauses(100) }));
  await using other = stage.again();
  let isDone = false;
  const writer = (async () => {
    let count = 0;
    for (; !isDone; count++) {
      await other.make(`w/${count % 5}/${count}`, `${count}`);
      await other.secrets.move(secretPath(`w/${count % 5}/${count}`), secretPath(`m/${count % 4}/${count}`), call);
      await readsAll(other, 3);
    }
    return count;
  })();
  await reindex(stage.store, { signal });
  await reseal(stage.store, { signal, contexts });
  await reindex(stage.store, { signal });
  isDone = true;
  const count = await writer;
  assert.ok(count > 0);
  for (let index = 0; index < count; index++) assert.equal(await stage.text(`m/${index % 4}/${index}`), `${index}`);
  await readsAll(stage, 40);
  assert.deepEqual((await verifyStore(stage.again().store, { signal })).problems, []);
});

Deno.test("verifyStore() counts what is right, and names each thing that is not", async () => {
  await using stage = await filled(6);
  await stage.secrets.destroy(secretPath("f0/g/0"), { versions: [1] }, call);
  const good = await verifyStore(stage.store, { signal });
  assert.deepEqual([good.secrets, good.values, good.problemCount], [6, 5, 0]);
  assert.deepEqual(good.rows, { key: 4, meta: 1, index: 12, metadata: 6, value: 5 });
  const cases = {
    index: [/does not name the secret "f\d\/g\/\d"/, /The index names the secret|./],
    metadata: [/names the secret "\d", which has no metadata/, /belongs to no version/],
    value: [/^Version 1 of "f\d\/g\/\d" has no value/, /./],
  } as const;
  for (const [table, [first]] of Object.entries(cases)) {
    await using copy = stage.again({ engine: stage.engine.copy() });
    const rows = copy.engine.rows(table as keyof typeof cases);
    const longest = rows.toSorted((a, b) => a.version - b.version).at(-1);
    assert.ok(longest);
    copy.engine.tamper({ ...longest, bytes: undefined });
    const { problems } = await verifyStore(copy.store, { signal });
    assert.ok(problems.some((one) => first.test(one)), `${table}: ${problems.join(" ")}`);
    copy.engine.tamper({ ...longest, bytes: longest.bytes.map((byte, at) => at === 60 ? byte ^ 1 : byte) });
    const damaged = await verifyStore(copy.store, { signal });
    assert.ok(damaged.problems.some((one) => one.includes(`of the table "${table}"`)), damaged.problems.join(" "));
  }
  stage.engine.tamper({ table: "value", key: new Uint8Array(20), bytes: new Uint8Array(100) });
  assert.match(
    (await verifyStore(stage.store, { signal })).problems.join(" "),
    /The value 0{40} belongs to no version/,
  );
});

Deno.test("a secret without versions is kept by reseal() and reindex(), is no finding of verify, and is listed", async () => {
  await using stage = await filled(2);
  const labelled = secretPath("f0/labelled");
  await stage.secrets.setMetadata(labelled, { labels: { a: "b" }, create: true }, call);
  await reseal(stage.again().store, { signal, contexts });
  await reindex(stage.again().store, { signal });
  const again = stage.again();
  assert.deepEqual((await verifyStore(again.store, { signal })).problems, []);
  assert.deepEqual((await again.secrets.info(labelled, signal)).labels, { a: "b" });
  const { entries } = await again.secrets.list(folderPath("f0"), { limit: 10, signal });
  assert.deepEqual(entries.map(({ path }) => path), ["f0/g/", "f0/labelled"]);
  await again.secrets.create(labelled, { fields: [textField("value", "first")] }, call);
  assert.deepEqual((await verifyStore(again.store, { signal })).problems, []);
  assert.equal(await stage.again().text("f0/labelled"), "first");
});
