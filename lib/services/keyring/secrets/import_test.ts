import assert from "node:assert/strict";
import { FakeClock } from "../../../../tests/support/fake_clock.ts";
import { fastPauses } from "../../../../tests/support/fast_clock.ts";
import { TestSecrets, textField } from "../../../../tests/support/keyring_secrets.ts";
import { folderPath, secretPath } from "../../../api/keyring/paths.ts";
import { KeyringError } from "../../../api/keyring/problems.ts";
import type { ImportItem } from "./import.ts";
import { reindex } from "./reindex.ts";

const { signal } = new AbortController();
const call = { signal };
const run = { signal, dryRun: false };
const hour = 60 * 60_000;

function items(count: number, folder = "in"): readonly ImportItem[] {
  return Array.from({ length: count }, (_, index) => ({
    path: secretPath(`${folder}/${index % 7}/${index}`),
    fields: [textField("value", `v${index}`)],
  }));
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return await work.then(() => "ok", (thrown) => thrown instanceof KeyringError ? thrown.code : "thrown");
}

/** The rows that only an import has. */
function leftovers({ engine }: TestSecrets): number {
  return engine.rows("import").length + engine.rows("claim").length + engine.rows("meta").length - 1;
}

Deno.test("import() writes all items, with new folders, and leaves no row of its own", async () => {
  await using stage = new TestSecrets();
  const all = items(100);
  const report = await stage.secrets.import(all, run);
  assert.ok(report.applied && report.items.every(({ version, error }) => version === 1 && !error));
  for (const [index, { path }] of all.entries()) assert.equal(await stage.text(path), `v${index}`);
  assert.deepEqual(await stage.paths("in/"), Array.from({ length: 7 }, (_, index) => `in/${index}/`));
  assert.equal(leftovers(stage), 0);
  assert.equal(stage.engine.rows("value").length, 100);
});

Deno.test("import() with dryRun reports each item and writes nothing", async () => {
  await using stage = new TestSecrets();
  await stage.make("in/0/0", "old");
  await stage.make("b", "old");
  const rows = stage.engine.rows().length;
  const list: readonly ImportItem[] = [
    ...items(2),
    { path: secretPath("b"), fields: [textField("value", "2")], cas: 1 },
    { path: secretPath("b"), fields: [textField("value", "3")], cas: 1 },
    { path: secretPath("c"), fields: [] },
    { path: secretPath("d"), fields: [textField("value", "2")], cas: 3 },
  ];
  const report = await stage.secrets.import(list, { signal, dryRun: true });
  assert.deepEqual(report.items.map(({ version, error }) => error?.code ?? version), [
    "exists",
    1,
    2,
    "request_invalid",
    "request_invalid",
    "version_mismatch",
  ]);
  assert.equal(report.applied, false);
  assert.equal(stage.engine.rows().length, rows);
  assert.equal((await stage.secrets.import(list, run)).applied, false);
  assert.equal(stage.engine.rows().length, rows, "one refused item is enough");
  const many = Array.from({ length: 10_001 }, () => list[0]).filter((item) => item !== undefined);
  await assert.rejects(stage.secrets.import(many, run), { code: "request_invalid" });
});

Deno.test("import() adds a version to a secret whose version is given, and keeps its history", async () => {
  await using stage = new TestSecrets();
  await stage.make("a", "1");
  const item = { path: secretPath("a"), fields: [textField("value", "2")], labels: { x: "y" }, cas: 1 };
  assert.equal((await stage.secrets.import([item], run)).applied, true);
  assert.deepEqual([await stage.text("a", 1), await stage.text("a")], ["1", "2"]);
  assert.deepEqual((await stage.secrets.info(secretPath("a"), signal)).labels, { x: "y" });
});

Deno.test("import() of fields of 1 MiB fits into transactions", async () => {
  await using stage = new TestSecrets();
  const all = Array.from({ length: 5 }, (_, index) => ({
    path: secretPath(`big/${index}`),
    fields: [textField("value", "x".repeat(index === 0 ? 1_048_571 : 400_000))],
  }));
  assert.equal((await stage.secrets.import(all, run)).applied, true);
  assert.equal((await stage.text("big/0"))?.length, 1_048_571);
});

Deno.test("a path that an import has claimed is refused to writers with the import's ID, and readers see none of it", async () => {
  const clock = new FakeClock();
  await using stage = new TestSecrets({ clock });
  await using other = stage.again();
  await stage.make("in/0/0", "old");
  const list = items(30).map((item, index) => index === 0 ? { ...item, cas: 1 } : item);
  const seen: string[] = [];
  const alongside = async () => {
    const at = list[0]?.path ?? secretPath("x");
    seen.push(await codeOf(other.make("in/1/1", "mine")));
    seen.push(await codeOf(other.secrets.update(at, { fields: [textField("value", "mine")] }, call)));
    seen.push(await codeOf(other.secrets.move(at, secretPath("away"), call)));
    seen.push(await codeOf(other.secrets.delete(at, {}, call)));
    seen.push(await codeOf(other.text("in/1/1")), await other.text(at) ?? "");
    seen.push((await other.paths("in/")).join());
    const second = await other.secrets.import(list.slice(1, 2), run);
    seen.push(second.items[0]?.error?.code ?? "");
    seen.push(/^[0-9a-f]{32}$/.test(second.items[0]?.error?.details.importId ?? "") ? "with ID" : "without ID");
  };
  const report = await stage.secrets.import(list, { ...run, alongside });
  assert.ok(report.applied);
  assert.deepEqual(seen, [
    "claimed",
    "claimed",
    "claimed",
    "claimed",
    "not_found",
    "old",
    "in/0/",
    "claimed",
    "with ID",
  ]);
  assert.equal(await other.text("in/0/0"), "v0");
});

Deno.test("a writer that was faster than the import's claim makes the whole import fail", async () => {
  await using stage = new TestSecrets();
  await using other = stage.again();
  let hasWritten = false;
  stage.engine.before = async (verb, _, writes) => {
    if (hasWritten || verb !== "commit" || !writes.some(({ table }) => table === "claim")) return;
    hasWritten = true;
    await other.make("in/3/3", "mine");
  };
  const report = await stage.secrets.import(items(5), run);
  assert.equal(report.applied, false);
  assert.deepEqual(report.items.map(({ error }) => error?.code), [
    undefined,
    undefined,
    undefined,
    "exists",
    undefined,
  ]);
  assert.equal(await stage.text("in/3/3"), "mine");
  assert.deepEqual([stage.engine.rows("value").length, leftovers(stage)], [1, 0]);
});

/** Stops the engine at its commit number `at`: before it, or at the first call after it. @returns whether it came to that. */
function killAt({ engine }: TestSecrets, at: number, when: "before" | "after"): () => boolean {
  let commits = 0;
  let isDead = false;
  engine.before = (verb) => {
    if (verb === "commit") commits++;
    isDead ||= when === "before" ? commits >= at : commits > at || (commits === at && verb !== "commit");
    if (isDead) throw new KeyringError("store_unavailable", "The process was killed.");
  };
  return () => isDead;
}

Deno.test("an import that is killed before or after any of its transactions is written whole or not at all", async () => {
  const count = 12;
  let points = 0;
  for (const when of ["before", "after"] as const) {
    for (let at = 1;; at++) {
      const clock = new FakeClock();
      await using first = new TestSecrets({ clock });
      await first.make("in/2/2", "old");
      await first.make("kept/x", "old");
      const list = items(count).map((item, index) => index === 2 ? { ...item, cas: 1 } : item);
      const survivor = first.again();
      const wasKilled = killAt(first, at, when);
      const result = await codeOf(first.secrets.import(list, run));
      first.engine.before = () => {};
      if (!wasKilled()) break;
      points++;
      const values = async () =>
        await Promise.all(list.map(async ({ path }) => await survivor.text(path).catch((thrown) => thrown.code)));
      const mine = await codeOf(survivor.make("in/9/mine", "mine"));
      assert.equal(mine, "ok", "a path that is not claimed can be written at once");
      const then = await values();
      const isWhole = then[0] === "v0";
      const wanted = (index: number) => isWhole ? `v${index}` : index === 2 ? "old" : "not_found";
      assert.deepEqual(then, list.map((_, index) => wanted(index)), `${when} ${at}`);
      if (result === "ok") assert.ok(isWhole, "an import that was reported is there");
      // A writer on a path of it: refused before the end of the lease, at the latest then it can write.
      await clock.advance(hour + 1);
      const written = await codeOf(survivor.make("in/3/3", "mine"));
      assert.equal(written, isWhole ? "exists" : "ok", `${when} ${at}`);
      await survivor.secrets.resume(signal);
      assert.equal(leftovers(survivor), 0, `${when} ${at}`);
      assert.equal(survivor.engine.rows("value").length, isWhole ? count + 3 : 4, `${when} ${at}: no orphan`);
      assert.equal(await survivor.text("kept/x"), "old");
    }
  }
  assert.ok(points >= 10, `${points} points`);
});

Deno.test("an import with writers on the same paths is whole, or not there", async () => {
  await using stage = new TestSecrets({ clock: fastPauses(100) });
  await using other = stage.again();
  for (let round = 0; round < 10; round++) {
    const list = items(40, `r${round}`);
    const [report, ...writers] = await Promise.all([
      stage.secrets.import(list, run),
      ...Array.from({ length: 8 }, async (_, index) => {
        for (let pause = 0; pause < index * 3; pause++) await Promise.resolve();
        return await codeOf(other.make(`r${round}/${index % 7}/${index}`, "mine"));
      }),
    ]);
    const values = await Promise.all(list.map(({ path }) => other.text(path).catch(() => "none")));
    const expected = report.applied
      ? list.map((_, index) => `v${index}`)
      : list.map((_, index) => writers[index] === "ok" ? "mine" : "none");
    assert.deepEqual(values, expected);
    assert.equal(leftovers(stage), 0);
  }
});

Deno.test("list() shows a committed import before it is in its places", async () => {
  await using stage = new TestSecrets();
  let commits = 0;
  const { commit } = stage.engine;
  stage.engine.commit = async (...parts) => {
    const isFold = parts[1].some(({ table, bytes }) => table === "claim" && bytes === undefined);
    if (isFold && ++commits === 1) throw new KeyringError("store_unavailable", "The connection was lost.");
    return await commit.apply(stage.engine, parts);
  };
  assert.equal((await stage.secrets.import(items(3), run)).applied, true);
  await using other = stage.again();
  const { entries } = await other.secrets.list(folderPath("in"), { limit: 10, signal });
  assert.deepEqual(entries.map(({ path }) => path), ["in/0/", "in/1/", "in/2/"]);
  assert.equal(leftovers(stage), 0);
});

Deno.test("paths of 16 segments fit into the transactions of import, create, move and reindex", async () => {
  await using stage = new TestSecrets();
  const deep = (name: string) => secretPath([...Array(15).keys()].map((level) => `${name}${level}`).join("/") + "/end");
  const list = ["a", "b", "c", "d", "e"].map((name) => ({ path: deep(name), fields: [textField("value", name)] }));
  assert.equal((await stage.secrets.import(list, run)).applied, true);
  await stage.make(deep("f"), "f");
  let isBroken = false;
  const reading = stage.engine.before;
  stage.engine.before = (verb, _, writes) => {
    isBroken ||= verb === "commit" && writes.filter(({ table }) => table === "index").length > 1;
    if (isBroken) throw new KeyringError("store_unavailable", "Interrupted.");
  };
  await assert.rejects(reindex(stage.store, { signal }), { code: "store_unavailable" });
  stage.engine.before = reading;
  assert.equal(stage.store.ring.ofUse("index").length, 2, "a reindex is not finished");
  await using cold = stage.again();
  await cold.secrets.move(deep("f"), deep("g"), call);
  assert.equal(
    (await cold.secrets.import([{ path: deep("h"), fields: [textField("value", "h")] }], run)).applied,
    true,
  );
  await reindex(cold.store, { signal });
  for (const name of ["a", "e", "g", "h"]) assert.equal(await stage.text(deep(name)), name === "g" ? "f" : name);
  assert.deepEqual(await cold.paths(), ["a0/", "b0/", "c0/", "d0/", "e0/", "g0/", "h0/"]);
});
