/**
 * Frozen bytes of the keyring, read and written by the code of today.
 *
 * @module
 */
import assert from "node:assert/strict";
import { hex } from "../../lib/base/bytes.ts";
import type { SecretField } from "../../lib/api/keyring/fields.ts";
import { secretPath } from "../../lib/api/keyring/paths.ts";
import { bound, taggedDek, untaggedDek } from "../../lib/envelope/seal.ts";
import { isReferenceTo } from "../../lib/envelope/wrap.ts";
import { unwrapLocally, wrapLocally } from "../../lib/provider/local/cipher.ts";
import { tables } from "../../lib/services/keyring/engine/engine.ts";
import { fingerprintMac, lookupMac } from "../../lib/services/keyring/records/key_session.ts";
import { lookupPurposes } from "../../lib/services/keyring/records/records.ts";
import { openRecord, recordHeader, sealRecord } from "../../lib/services/keyring/records/seal.ts";
import {
  decodeStoreKey,
  encodeStoreKey,
  keyNameText,
  keyUses,
  openStoreKey,
} from "../../lib/services/keyring/records/store_key.ts";
import { indexCodec } from "../../lib/services/keyring/secrets/index_record.ts";
import { metadataCodec } from "../../lib/services/keyring/secrets/metadata_record.ts";
import { newValue, valueCodec, valueKey } from "../../lib/services/keyring/secrets/value_record.ts";
import { withRandom } from "../support/fixed_random.ts";
import { bytesOf, localKeyOf } from "./hex.ts";
import vectors from "./keyring.json" with { type: "json" };

/** The member of a table with a name that a vector file holds as a text. */
function named<Table extends object>(table: Table, name: string): keyof Table {
  assert.ok(Object.hasOwn(table, name), name);
  return name as keyof Table;
}

for (const vector of vectors.storeKeys) {
  const { use, epoch, createdAt } = vector;
  const [storeId, id] = [bytesOf(vector.storeIdHex), bytesOf(vector.keyIdHex)];
  const name = { storeId, id, use: named(keyUses, use), epoch, createdAt };
  const [dek, frame] = [bytesOf(vector.dekHex), bytesOf(vector.frameHex)];
  const wraps = vector.wraps.map(({ name, version, ciphertextHex }) => {
    return { name, version, ciphertext: bytesOf(ciphertextHex) };
  });

  Deno.test(`decodeStoreKey() gives the frozen fields, which open: ${vector.what}`, () => {
    const row = decodeStoreKey({ table: "key", key: id, bytes: frame, version: 1 }, storeId);
    assert.deepEqual([row.use, row.epoch, row.createdAt, row.frame.keyId], [use, epoch, createdAt, vector.keyName]);
    assert.deepEqual(row.frame.wraps, wraps);
    assert.ok(isReferenceTo(vector.referenceHex, wraps));
    for (const { ciphertextHex, ...wrap } of vector.wraps) {
      const tagged = unwrapLocally(localKeyOf(wrap), bytesOf(ciphertextHex));
      const opened = tagged && untaggedDek(tagged, "keyring");
      assert.ok(opened);
      assert.equal(hex(openStoreKey(row, opened) ?? new Uint8Array(0)), vector.plaintextHex);
    }
  });

  Deno.test(`encodeStoreKey() gives the frozen bytes: ${vector.what}`, () => {
    assert.equal(keyNameText(name), vector.keyName);
    assert.equal(hex(taggedDek(dek, "keyring")), vector.taggedDekHex);
    for (const { nonceHex, ciphertextHex, ...wrap } of vector.wraps) {
      const tagged = taggedDek(dek, "keyring");
      assert.equal(hex(withRandom([bytesOf(nonceHex)], () => wrapLocally(localKeyOf(wrap), tagged))), ciphertextHex);
    }
    const reference = bytesOf(vector.referenceHex);
    const context = bound({ purpose: "keyring", threshold: 1, keyId: vector.keyName, reference });
    assert.equal(hex(context.additionalData ?? new Uint8Array(0)), vector.additionalDataHex);
    const key = bytesOf(vector.plaintextHex);
    const written = withRandom([bytesOf(vector.nonceHex)], () => encodeStoreKey(key, name, dek, wraps));
    assert.equal(hex(written), vector.frameHex);
  });
}

for (const vector of vectors.records) {
  const table = named(tables, vector.table);
  const key = { id: bytesOf(vector.storeKeyIdHex), bytes: bytesOf(vector.storeKeyHex) };
  const [storeId, context] = [bytesOf(vector.storeIdHex), bytesOf(vector.contextHex)];
  const binding = { storeId, table, key: bytesOf(vector.rowKeyHex), context };

  Deno.test(`openRecord() gives the frozen content, and sealRecord() the frozen bytes: ${vector.what}`, () => {
    assert.equal(tables[table], vector.tableNumber);
    const record = bytesOf(vector.recordHex);
    const header = recordHeader(record);
    assert.ok(header);
    assert.deepEqual([hex(header.keyId), header.revision], [vector.storeKeyIdHex, vector.revision]);
    const content = openRecord(record, header, key, binding);
    assert.equal(content && hex(content), vector.contentHex);
    const sealed = withRandom(
      [bytesOf(vector.saltHex)],
      () => sealRecord(bytesOf(vector.contentHex), key, binding, vector.revision),
    );
    assert.equal(hex(sealed), vector.recordHex);
  });
}

for (const { what, version, ...vector } of vectors.values) {
  Deno.test(`valueCodec() reads and writes the frozen content: ${what}`, () => {
    const fields = vector.fields.map(({ name, kind, valueHex }): SecretField => {
      assert.ok(kind === "text" || kind === "json" || kind === "bytes");
      return { name, kind, value: bytesOf(valueHex) };
    });
    const codec = valueCodec(fields.map(({ name }) => name));
    const key = valueKey(bytesOf(vector.idHex), version);
    assert.equal(hex(key), vector.rowKeyHex);
    assert.equal(hex(codec.context?.(key) ?? new Uint8Array(0)), vector.contextHex);
    const value = withRandom([bytesOf(vector.saltHex)], () => newValue(fields));
    assert.deepEqual([hex(codec.encode(value)), value.hash], [vector.contentHex, vector.hash]);
    const decoded = codec.decode(bytesOf(vector.contentHex));
    assert.deepEqual([decoded?.fields, decoded?.hash], [fields, vector.hash]);
  });
}

for (const { what, kind, idHex, name, contentHex } of vectors.entries) {
  Deno.test(`indexCodec reads and writes the frozen content: ${what}`, () => {
    assert.ok(kind === "secret" || kind === "folder");
    const entry = { kind, id: bytesOf(idHex), name } as const;
    assert.equal(hex(indexCodec.encode(entry)), contentHex);
    assert.deepEqual(indexCodec.decode(bytesOf(contentHex)), entry);
  });
}

for (const { what, contentHex, path, ...rest } of vectors.metadata) {
  Deno.test(`metadataCodec reads and writes the frozen content: ${what}`, () => {
    const stored = metadataCodec.decode(bytesOf(contentHex));
    assert.ok(stored);
    // Members without a value are absent in both.
    assert.deepEqual(
      JSON.parse(JSON.stringify(stored)),
      JSON.parse(JSON.stringify({ path: secretPath(path), ...rest })),
    );
    assert.deepEqual(metadataCodec.decode(metadataCodec.encode(stored)), stored);
  });
}

for (const { purpose, purposeNumber, keyHex, fieldsHex, macHex } of vectors.lookups) {
  Deno.test(`lookupMac() gives the frozen bytes: ${purpose}`, () => {
    const name = named(lookupPurposes, purpose);
    assert.equal(lookupPurposes[name], purposeNumber);
    assert.equal(hex(lookupMac(bytesOf(keyHex), name, fieldsHex.map(bytesOf))), macHex);
  });
}

Deno.test("fingerprintMac() gives the frozen bytes", () => {
  for (const { keyHex, fieldsHex, fingerprint } of vectors.fingerprints) {
    assert.equal(hex(fingerprintMac(bytesOf(keyHex), fieldsHex.map(bytesOf))), fingerprint);
  }
});
