import assert from "node:assert/strict";
import { TestStore } from "../../../../tests/support/keyring_store.ts";
import { FakeClock } from "../../../../tests/support/fake_clock.ts";
import { fastPauses } from "../../../../tests/support/fast_clock.ts";
import { equalBytes, utf8, utf8Text } from "../../../base/bytes.ts";
import type { RowName } from "../engine/engine.ts";
import type { RecordCodec } from "./records.ts";

const { signal } = new AbortController();
const minute = 60_000;
const hour = 60 * minute;

const notes: RecordCodec<string> = { table: "policy", encode: utf8, decode: utf8Text };
const cachedNotes: RecordCodec<string> = { ...notes, table: "index", cached: true };
const [one, two] = [utf8("one"), utf8("two")];

async function write(stage: TestStore, key: Uint8Array, text: string, codec = notes): Promise<void> {
  await stage.store.transaction((tx) => Promise.resolve(tx.put(codec, key, text)), signal);
}

async function read(stage: TestStore, key: Uint8Array, codec = notes): Promise<string | undefined> {
  return (await stage.store.reader(signal).get(codec, key))?.value;
}

Deno.test("openRecordStore() makes the keys of an empty store once, and another server reads its records", async () => {
  await using stage = new TestStore();
  assert.equal(await read(stage, one), undefined);
  assert.equal(stage.engine.rows("key").length, 4);
  await write(stage, one, "first");
  await using other = stage.again();
  assert.equal(await read(other, one), "first");
  assert.equal(stage.engine.rows("key").length, 4);
});

Deno.test("openRecordStore() has one server make the keys where two start together", async () => {
  await using stage = new TestStore();
  await using other = stage.again();
  await Promise.all([write(stage, one, "first"), write(other, two, "second")]);
  assert.equal(stage.engine.rows("key").length, 4);
  assert.deepEqual([await read(stage, two), await read(other, one)], ["second", "first"]);
});

Deno.test("SealedRecordStore.transaction() runs again where a row that it read was changed", async () => {
  await using stage = new TestStore();
  await write(stage, one, "1");
  let runs = 0;
  await stage.store.transaction(async (tx) => {
    const before = await tx.get(notes, one);
    if (runs++ === 0) await write(stage, one, "5");
    tx.put(notes, one, `${Number(before?.value) + 1}`);
  }, signal);
  assert.deepEqual([runs, await read(stage, one)], [2, "6"]);
});

Deno.test("SealedRecordStore.transaction() ends with conflict after 20 runs, and writes nothing", async () => {
  await using stage = new TestStore({ clock: fastPauses(1_000) });
  let runs = 0;
  const work = stage.store.transaction(async (tx) => {
    await tx.get(notes, one);
    await write(stage, one, `${++runs}`);
    tx.put(notes, two, "never");
  }, signal);
  await assert.rejects(work, { code: "conflict" });
  assert.deepEqual([runs, await read(stage, two)], [20, undefined]);
});

Deno.test("SealedRecordStore.transaction() writes nothing where its work throws", async () => {
  await using stage = new TestStore();
  const work = stage.store.transaction((tx) => {
    tx.put(notes, one, "never");
    return Promise.reject(new RangeError("no"));
  }, signal);
  await assert.rejects(work, RangeError);
  assert.equal(await read(stage, one), undefined);
});

Deno.test("RecordTransaction.insert() reads nothing first, and writes over a row that exists in the second run", async () => {
  await using stage = new TestStore();
  await read(stage, one);
  let runs = 0;
  const insert = (text: string) =>
    stage.store.transaction((tx) => {
      runs++;
      return Promise.resolve(tx.insert(notes, one, text));
    }, signal);
  const reads = stage.engine.calls.get;
  await insert("1");
  assert.deepEqual([runs, stage.engine.calls.get - reads], [1, 0]);
  const before = await stage.store.reader(signal).get(notes, one);
  await insert("2");
  const after = await stage.store.reader(signal).get(notes, one);
  assert.deepEqual([runs, before?.value, after?.value], [3, "1", "2"]);
  assert.ok((after?.revision ?? 0) > (before?.revision ?? 0));
});

Deno.test("SealedRecordStore.transaction() gives revisions that grow where the clock is set back or a row is made anew", async () => {
  const clock = new FakeClock();
  await using stage = new TestStore({ clock });
  const revision = async () => (await stage.store.reader(signal).get(notes, one))?.revision ?? 0;
  await write(stage, one, "1");
  assert.equal(await revision(), clock.wall());
  const first = await revision();
  clock.setWall(-hour);
  await write(stage, one, "2");
  assert.equal(await revision(), first + 1);
  await stage.store.transaction((tx) => Promise.resolve(tx.delete(notes, one)), signal);
  await write(stage, one, "3");
  assert.ok(await revision() > first + 1);
});

Deno.test("RecordReader.scan() gives the records of a prefix in order, and asks the KMS once for all", async () => {
  await using stage = new TestStore();
  const keys = Array.from({ length: 1_000 }, (_, index) => utf8(`n${String(index).padStart(4, "0")}`));
  for (let at = 0; at < keys.length; at += 40) {
    await stage.store.transaction((tx) => {
      for (const key of keys.slice(at, at + 40)) tx.put(cachedNotes, key, utf8Text(key) ?? "");
      return Promise.resolve();
    }, signal);
  }
  await using cold = stage.again();
  const before = stage.provider.calls.unwrap;
  const records = await cold.store.reader(signal).scan(cachedNotes, { prefix: utf8("n0"), limit: 10_000 });
  assert.deepEqual(records.map(({ value }) => value), keys.map(utf8Text));
  const some = await cold.store.reader(signal).scan(cachedNotes, { after: keys[10] ?? one, limit: 2 });
  assert.deepEqual(some.map(({ value }) => value), ["n0011", "n0012"]);
  assert.equal(stage.provider.calls.unwrap - before, 1);
  assert.ok(cold.store.cachedBytes > 0);
});

Deno.test("SealedRecordStore.ready() is kms_unavailable with the reason without a KMS, and tries again", async () => {
  await using stage = new TestStore();
  await write(stage, one, "1");
  await using other = stage.again();
  stage.provider.faults.set("unwrap", "unreachable");
  await assert.rejects(read(other, one), { code: "kms_unavailable", message: /unwrap with provider "a": unreachable/ });
  stage.provider.faults.clear();
  assert.equal(await read(other, one), "1");
});

Deno.test("a record opens in an outage for the time of grace, and no longer", async () => {
  const clock = new FakeClock();
  await using stage = new TestStore({ clock });
  await write(stage, one, "1", cachedNotes);
  stage.provider.faults.set("all", "unreachable");
  await clock.advance(59 * minute);
  assert.equal(await read(stage, one, cachedNotes), "1");
  await clock.advance(2 * minute);
  await assert.rejects(read(stage, one, cachedNotes), { code: "kms_unavailable" }, "a cached record needs its key too");
});

Deno.test("a record does not open after a confirmed refusal", async () => {
  const clock = new FakeClock();
  await using stage = new TestStore({ clock });
  await write(stage, one, "1", cachedNotes);
  stage.provider.faults.set("all", "key_unusable");
  await clock.advance(11 * minute);
  await assert.rejects(read(stage, one, cachedNotes), { code: "kms_unavailable", message: /key_unusable/ });
  await assert.rejects(write(stage, one, "2"), { code: "kms_unavailable" });
});

Deno.test("every changed byte of a record, and every cut of it, is integrity", async () => {
  await using stage = new TestStore();
  await write(stage, one, "a secret note");
  const name = { table: "policy", key: one } as const;
  const { bytes } = stage.engine.row(name) ?? assert.fail();
  await using cold = stage.again();
  for (let at = 0; at < bytes.length; at++) {
    const changed = bytes.map((byte, index) => index === at ? byte ^ 1 : byte);
    stage.engine.tamper({ ...name, bytes: changed }, { ...name, key: two, bytes: bytes.subarray(0, at) });
    await assert.rejects(read(cold, one), { code: "integrity" }, `byte ${at}`);
    await assert.rejects(read(cold, two), { code: "integrity" }, `cut at ${at}`);
    await assert.rejects(cold.store.reader(signal).scan(notes, { limit: 10 }), { code: "integrity" });
    await assert.rejects(write(cold, one, "new"), { code: "integrity" });
  }
});

Deno.test("every changed byte of a store key is integrity", async () => {
  await using stage = new TestStore();
  await write(stage, one, "a secret note");
  for (const { table, key, bytes } of stage.engine.rows("key")) {
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.map((byte, index) => index === at ? byte ^ 1 : byte);
      await using cold = stage.again({ engine: stage.engine.copy() });
      cold.engine.tamper({ table, key, bytes: changed });
      const use = async () => {
        await write(cold, one, "new");
        await cold.store.lookupKey("token", one);
        await cold.store.lookupKey("folder", one);
        await cold.store.fingerprint(one);
      };
      await assert.rejects(use(), { code: "integrity" }, `byte ${at}`);
    }
  }
});

Deno.test("a record of another row, table or store is integrity", async () => {
  await using stage = new TestStore();
  await write(stage, one, "1");
  await write(stage, two, "2");
  const [first, second] = stage.engine.rows("policy");
  assert.ok(first && second);
  const swap: readonly RowName[] = [first, second];
  stage.engine.tamper({ ...first, bytes: second.bytes }, { ...second, bytes: first.bytes });
  for (const { key } of swap) await assert.rejects(read(stage, key), { code: "integrity" });
  stage.engine.tamper({ table: "token", key: first.key, bytes: first.bytes });
  await assert.rejects(read(stage, first.key, { ...notes, table: "token" }), { code: "integrity" });
});

Deno.test("a store with records and without keys is integrity, and gets no new keys", async () => {
  await using stage = new TestStore();
  await write(stage, one, "1");
  stage.engine.tamper(...stage.engine.rows("key").map((row) => ({ ...row, bytes: undefined })));
  await using cold = stage.again();
  await assert.rejects(read(cold, one), { code: "integrity" });
  assert.equal(stage.engine.rows("key").length, 0);
});

Deno.test("lookupKey() differs by purpose and fields, and is the same on each server", async () => {
  await using stage = new TestStore();
  await using other = stage.again();
  const macs = [
    await stage.store.lookupKey("token", one),
    await stage.store.lookupKey("code", one),
    await stage.store.lookupKey("token", two),
    await stage.store.lookupKey("token", one, two),
    await stage.store.lookupKey("folder", one),
    await stage.store.lookupKey("secret", one),
  ];
  assert.deepEqual(macs.map(({ length }) => length), Array(6).fill(32));
  for (const [at, mac] of macs.entries()) {
    assert.ok(macs.every((another, index) => index === at || !equalBytes(mac, another)));
  }
  assert.deepEqual(await other.store.lookupKey("token", one), macs[0]);
  assert.equal((await stage.store.fingerprint(one, two)).length, 8);
  assert.deepEqual(await stage.store.fingerprint(one), await other.store.fingerprint(one));
});
