/**
 * An attacker can write the store and has no KEK: every change of rows is `integrity`, never "not found" and never
 * another secret's value.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { TestSecrets, textField } from "../../../../tests/support/keyring_secrets.ts";
import { exactText, hex, utf8 } from "../../../base/bytes.ts";
import { secretPath } from "../../../api/keyring/paths.ts";
import type { StoredRow, TableName } from "../engine/engine.ts";
import type { RecordCodec } from "../records/records.ts";
import { indexCodec } from "./index_record.ts";

const { signal } = new AbortController();
const call = { signal };
const integrity = { code: "integrity" };
const [one, two] = [secretPath("db/one"), secretPath("db/two")];
const tokens: RecordCodec<string> = { table: "token", encode: utf8, decode: exactText };
const revocations: RecordCodec<string> = { ...tokens, table: "revocation" };

async function staged(): Promise<TestSecrets> {
  const stage = new TestSecrets();
  await stage.make(one, "1");
  await stage.make(two, "2");
  return stage;
}

/** The rows of a table that changed while `work` ran. */
async function changedBy(
  stage: TestSecrets,
  table: TableName,
  work: () => Promise<unknown>,
): Promise<readonly StoredRow[]> {
  const before = new Set(stage.engine.rows(table).map(({ version }) => version));
  await work();
  return stage.engine.rows(table).filter(({ version }) => !before.has(version));
}

/** Each read of a path, by the server that knows the rows already and by one that does not. */
async function everyRead(stage: TestSecrets, path: typeof one, code: object): Promise<void> {
  await using cold = stage.again();
  for (const { secrets } of [stage, cold]) {
    await assert.rejects(secrets.read(path, { signal }), code);
    await assert.rejects(secrets.read(path, { version: 1, signal }), code);
    await assert.rejects(secrets.update(path, { fields: [textField("value", "3")] }, call), code);
  }
}

function swap(stage: TestSecrets, [first, second]: readonly StoredRow[]): void {
  assert.ok(first && second);
  stage.engine.tamper({ ...first, bytes: second.bytes }, { ...second, bytes: first.bytes });
}

for (const table of ["index", "metadata", "value"] as const) {
  Deno.test(`two swapped rows of the table ${table} are integrity`, async () => {
    await using stage = new TestSecrets();
    const first = await changedBy(stage, table, () => stage.make("one", "1"));
    const second = await changedBy(stage, table, () => stage.make("two", "2"));
    swap(stage, [...first, ...second]);
    await using cold = stage.again();
    for (const path of ["one", "two"]) {
      for (const { secrets } of [stage, cold]) {
        await assert.rejects(secrets.read(secretPath(path), { signal }), integrity);
      }
    }
    if (table === "index") await assert.rejects(cold.paths(), integrity);
  });
}

Deno.test("an index row that leads to another secret's ID is integrity", async () => {
  await using stage = await staged();
  // Sealed as the server itself would: the path in the metadata shows it.
  const [row] = await changedBy(stage, "index", () => stage.make("db/three", "3"));
  assert.ok(row);
  const { id } = await stage.secrets.info(one, signal);
  await stage.store.transaction((tx) => {
    tx.put(indexCodec, row.key, { kind: "secret", id: new Uint8Array(Buffer.from(id, "hex")), name: "three" });
    return Promise.resolve();
  }, signal);
  await everyRead(stage, secretPath("db/three"), integrity);
  assert.equal(await stage.text(one), "1");
});

Deno.test("the value of an older version in the place of a newer one is integrity", async () => {
  await using stage = await staged();
  const update = () => stage.secrets.update(one, { fields: [textField("value", "new")] }, call);
  const [value] = await changedBy(stage, "value", update);
  const id = hex(value?.key.subarray(0, 16) ?? new Uint8Array(0));
  const [first] = stage.engine.rows("value").filter(({ key }) => hex(key) === `${id}00000001`);
  assert.ok(value && first);
  // The first version's value under the second version's name.
  stage.engine.tamper({ ...value, bytes: first.bytes });
  await assert.rejects(stage.again().secrets.read(one, { signal }), integrity);
});

Deno.test("a missing metadata or value record is integrity", async () => {
  for (const table of ["metadata", "value"] as const) {
    await using stage = await staged();
    stage.engine.tamper(...stage.engine.rows(table).map((row) => ({ ...row, bytes: undefined })));
    await assert.rejects(stage.secrets.read(one, { signal }), integrity, table);
    await assert.rejects(stage.again().secrets.read(one, { signal }), integrity, table);
  }
});

Deno.test("every changed byte and every cut of the rows of a path is integrity", async () => {
  await using stage = new TestSecrets();
  await stage.make("one", "1");
  const path = secretPath("one");
  await using cold = stage.again({ store: { cacheBytes: 0 } });
  for (const table of ["index", "metadata", "value"] as const) {
    for (const row of stage.engine.rows(table)) {
      const bytes = row.bytes.slice();
      for (let at = 0; at < bytes.length; at++) {
        const flipped = bytes.map((byte, index) => index === at ? byte ^ 0x80 : byte);
        for (const changed of [flipped, bytes.subarray(0, at)]) {
          stage.engine.tamper({ ...row, bytes: changed });
          await assert.rejects(cold.secrets.read(path, { signal }), integrity, `${table} ${at}`);
          if (table !== "value") {
            await assert.rejects(cold.secrets.update(path, { fields: [textField("value", "2")] }, call), integrity);
          }
          if (table === "index") await assert.rejects(cold.paths(), integrity);
        }
      }
      stage.engine.tamper({ ...row, bytes });
    }
  }
  assert.equal(await cold.text("one"), "1");
});

Deno.test("an inserted token row is integrity, whatever row it was copied from", async () => {
  await using stage = await staged();
  const key = await stage.store.lookupKey("token", utf8("tsk_forged"));
  await stage.store.transaction((tx) => Promise.resolve(tx.put(tokens, utf8("another"), "admin")), signal);
  for (
    const { bytes } of [...stage.engine.rows("token"), ...stage.engine.rows("metadata"), ...stage.engine.rows("meta")]
  ) {
    stage.engine.tamper({ table: "token", key, bytes });
    await assert.rejects(stage.store.reader(signal).get(tokens, key), integrity);
  }
});

Deno.test("a revocation that was changed back into another revocation is integrity", async () => {
  await using stage = new TestSecrets();
  const [anna, bert] = [
    await stage.store.lookupKey("revocation", utf8("anna")),
    await stage.store.lookupKey("revocation", utf8("bert")),
  ];
  await stage.store.transaction((tx) => Promise.resolve(tx.put(revocations, bert, "none")), signal);
  await stage.store.transaction((tx) => Promise.resolve(tx.put(revocations, anna, "revoked")), signal);
  const row = stage.engine.row({ table: "revocation", key: bert });
  assert.ok(row);
  stage.engine.tamper({ table: "revocation", key: anna, bytes: row.bytes });
  await assert.rejects(stage.store.reader(signal).get(revocations, anna), integrity);
});
