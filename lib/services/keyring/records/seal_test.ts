import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { KeyringError } from "../../../api/keyring/problems.ts";
import { newDek } from "../../../envelope/seal.ts";
import { type TableName, tables } from "../engine/engine.ts";
import { openRecord, recordHeader, recordOverhead, sealRecord } from "./seal.ts";
import { decodeStoreKey, encodeStoreKey, openStoreKey } from "./store_key.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const binding = fc.record({
  storeId: bytes(16),
  table: fc.constantFrom(...Object.keys(tables) as TableName[]),
  key: fc.uint8Array({ minLength: 1, maxLength: 64 }),
  context: fc.uint8Array({ maxLength: 40 }),
});
const key = fc.record({ id: bytes(8), bytes: bytes(32) });

Deno.test("openRecord() gives back what sealRecord() took, for every content, key, binding and revision", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), key, binding, fc.maxSafeNat(), (content, key, bound, revision) => {
      const record = sealRecord(content, key, bound, revision);
      assert.equal(record.length, content.length + recordOverhead);
      const header = recordHeader(record);
      assert.ok(header);
      assert.deepEqual([header.keyId, header.revision], [key.id, revision]);
      assert.deepEqual(openRecord(record, header, key, bound), content);
    }),
  );
});

Deno.test("openRecord() refuses another key, table, row, store, context or revision", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 50 }), key, binding, binding, (content, key, one, other) => {
    const record = sealRecord(content, key, one, 7);
    const header = recordHeader(record);
    assert.ok(header);
    for (const field of ["storeId", "table", "key", "context"] as const) {
      const changed = { ...one, [field]: other[field] };
      const isSame = JSON.stringify(changed) === JSON.stringify(one);
      assert.equal(openRecord(record, header, key, changed) === undefined, !isSame, field);
    }
    assert.equal(openRecord(record, { ...header, revision: 8 }, key, one), undefined);
    assert.equal(openRecord(record, header, { ...key, bytes: new Uint8Array(randomBytes(32)) }, one), undefined);
    assert.equal(openRecord(record, header, { ...key, id: new Uint8Array(randomBytes(8)) }, one), undefined);
  }));
});

Deno.test("recordHeader() and openRecord() are total", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), key, binding, (record, key, bound) => {
    const header = recordHeader(record);
    if (header) assert.equal(openRecord(record, header, key, bound), undefined);
  }));
});

Deno.test("decodeStoreKey() is total, and takes no key of another store or row", () => {
  const storeId = new Uint8Array(randomBytes(16));
  const [id, other] = [new Uint8Array(randomBytes(8)), new Uint8Array(randomBytes(8))];
  const wraps = [{ name: "a", version: "v1", ciphertext: new Uint8Array(randomBytes(75)) }];
  const [dek, key] = [newDek(), newDek()];
  const name = { storeId, id, use: "record", epoch: 3, createdAt: 1_700_000_000_000 } as const;
  const stored = encodeStoreKey(key, name, dek, wraps);
  const row = { table: "key", key: id, bytes: stored, version: 1 } as const;
  const decoded = decodeStoreKey(row, storeId);
  assert.deepEqual(openStoreKey(decoded, dek), key);
  assert.equal(openStoreKey(decoded, newDek()), undefined);
  const refused = (work: () => unknown) =>
    assert.throws(work, (thrown) => thrown instanceof KeyringError && thrown.code === "integrity");
  refused(() => decodeStoreKey({ ...row, key: other }, storeId));
  refused(() => decodeStoreKey(row, new Uint8Array(randomBytes(16))));
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      (bytes) => refused(() => decodeStoreKey({ ...row, bytes }, storeId)),
    ),
  );
});
