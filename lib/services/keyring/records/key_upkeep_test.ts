import assert from "node:assert/strict";
import { FakeClock } from "../../../../tests/support/fake_clock.ts";
import { TestStore } from "../../../../tests/support/keyring_store.ts";
import { MemoryProvider } from "../../../../tests/support/memory_provider.ts";
import { exactText, utf8 } from "../../../base/bytes.ts";
import { KeyUpkeep } from "./key_upkeep.ts";
import type { RecordCodec } from "./records.ts";
import { reseal } from "./reseal.ts";
import { replaceRecordKey, rewrap } from "./rewrap.ts";

const { signal } = new AbortController();
const day = 24 * 60 * 60_000;
const notes: RecordCodec<string> = { table: "policy", encode: utf8, decode: exactText };
const one = utf8("one");

async function write(stage: TestStore, key: Uint8Array, text: string): Promise<void> {
  await stage.store.transaction((tx) => Promise.resolve(tx.put(notes, key, text)), signal);
}

async function read(stage: TestStore, key: Uint8Array): Promise<string | undefined> {
  return (await stage.store.reader(signal).get(notes, key))?.value;
}

function recordKeys({ store }: TestStore): number {
  return store.ring.ofUse("record").length;
}

Deno.test("rewrap() moves store keys to another provider and touches no record", async () => {
  await using stage = new TestStore();
  await write(stage, one, "1");
  const added = new MemoryProvider("b");
  const both = [stage.provider, added].map((provider) => ({ provider, formerly: [] }));
  await using wrapping = stage.again({ group: { providers: both } });
  const records = stage.engine.rows("policy").map(({ version }) => version);
  assert.equal(await rewrap(wrapping.store, signal), 4);
  assert.deepEqual(stage.engine.rows("policy").map(({ version }) => version), records);
  await using later = stage.again({ provider: added });
  assert.equal(await read(later, one), "1");
  assert.equal(added.calls.unwrap, 2, "one to check the wrap, one to open all keys");
  assert.equal(await read(stage, one), "1", "a server that has the old rows in memory goes on");
  await write(stage, one, "2");
  assert.equal(await read(later, one), "2");
});

Deno.test("rewrap() changes nothing where the quorum is not reached", async () => {
  await using stage = new TestStore();
  await write(stage, one, "1");
  const before = stage.engine.rows("key").map(({ version }) => version);
  stage.provider.faults.set("wrap", "unreachable");
  await assert.rejects(rewrap(stage.store, signal), { code: "kms_unavailable" });
  assert.deepEqual(stage.engine.rows("key").map(({ version }) => version), before);
});

Deno.test("KeyUpkeep replaces the key for records after 90 days; while it cannot, the old one serves and health says so", async () => {
  const clock = new FakeClock();
  await using stage = new TestStore({ clock });
  await write(stage, one, "1");
  await using upkeep = new KeyUpkeep(stage.store);
  await clock.advance(89 * day);
  assert.deepEqual([recordKeys(stage), upkeep.health().state], [1, "ok"]);
  stage.provider.faults.set("wrap", "unreachable");
  await clock.advance(2 * day);
  assert.equal(recordKeys(stage), 1);
  const { state, reason = "" } = upkeep.health();
  assert.equal(state, "degraded");
  assert.match(reason, /^The store key of 2023-.* is past its 90 days and serves on\. No KMS can open the store: /);
  await write(stage, one, "2");
  stage.provider.faults.clear();
  await clock.advance(day);
  assert.deepEqual([recordKeys(stage), upkeep.health().state], [2, "ok"]);
  await write(stage, utf8("two"), "3");
  await using other = stage.again();
  assert.deepEqual([await read(other, one), await read(other, utf8("two"))], ["2", "3"]);
  assert.equal(await replaceRecordKey(other.store, signal), false);
});

/** Writes a number of notes. */
async function filled(count: number): Promise<TestStore> {
  const stage = new TestStore();
  for (let index = 0; index < count; index++) await write(stage, utf8(`n${index}`), `${index}`);
  return stage;
}

const contexts = {};

Deno.test("reseal() seals every record under a new key, with progress, and takes the old key out of force", async () => {
  await using stage = await filled(100);
  await using other = stage.again();
  await read(other, utf8("n1"));
  const old = stage.engine.copy();
  const revisions = (await stage.store.reader(signal).scan(notes, { limit: 1_000 })).map(({ revision }) => revision);
  const progress: number[] = [];
  const onProgress = ({ resealed }: { readonly resealed: number }) => void progress.push(resealed);
  const { resealed, skipped } = await reseal(stage.store, { signal, contexts, onProgress });
  assert.deepEqual([resealed, skipped, recordKeys(stage)], [101, 0, 1]);
  assert.ok(progress.length > 3);
  for (const server of [stage, other, stage.again()]) {
    const records = await server.store.reader(signal).scan(notes, { limit: 1_000 });
    assert.deepEqual(records.map(({ revision }) => revision), revisions);
    assert.equal(await read(server, utf8("n99")), "99");
  }
  // A row and the key of before: what somebody can put back who has the old key.
  for (const table of ["key", "policy"] as const) {
    const rows = old.rows(table).filter((row) => table === "policy" || !stage.engine.row(row));
    stage.engine.tamper(...rows);
  }
  await assert.rejects(read(stage.again(), utf8("n1")), { code: "integrity" });
});

Deno.test("reseal() serves reads and writes of all servers meanwhile, and goes on after it was interrupted", async () => {
  await using stage = await filled(70);
  await using other = stage.again();
  await read(other, utf8("n1"));
  let steps = 0;
  const onProgress = ({ table }: { readonly table: string }) => {
    if (table === "policy" && ++steps === 2) throw new RangeError("interrupted");
  };
  stage.engine.before = async (verb, _, writes) => {
    if (verb !== "commit" || writes.length < 2 || !writes.some(({ table }) => table === "policy")) return;
    stage.engine.before = () => {};
    await write(other, utf8("n2"), "changed");
  };
  await assert.rejects(reseal(stage.store, { signal, contexts, onProgress }), RangeError);
  assert.equal(recordKeys(stage), 2);
  for (const server of [stage, other, stage.again()]) {
    for (let index = 0; index < 70; index++) {
      assert.equal(await read(server, utf8(`n${index}`)), index === 2 ? "changed" : `${index}`);
    }
  }
  await write(other, utf8("n3"), "new");
  await reseal(other.store, { signal, contexts });
  assert.equal(recordKeys(other), 1);
  assert.equal(await read(stage, utf8("n3")), "new");
  await write(stage, utf8("n4"), "last");
  assert.equal(await read(other, utf8("n4")), "last");
});
