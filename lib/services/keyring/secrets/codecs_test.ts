import assert from "node:assert/strict";
import fc from "fast-check";
import { utf8 } from "../../../base/bytes.ts";
import { type FieldKind, fieldKinds } from "../../../api/keyring/fields.ts";
import { secretPath } from "../../../api/keyring/paths.ts";
import { claimCodec, importCodec, importListCodec } from "./import_records.ts";
import { indexCodec } from "./index_record.ts";
import { metadataCodec, type StoredSecret, type StoredVersion } from "./metadata_record.ts";
import { type ChangeAction, changeActions, type VersionState, versionStates } from "./model.ts";
import { newValue, valueCodec, valueKey } from "./value_record.ts";

const id = fc.uint8Array({ minLength: 16, maxLength: 16 });
const name = fc.stringMatching(/^[A-Za-z0-9_]{1,12}$/);
const kind = fc.constantFrom(...Object.keys(fieldKinds) as FieldKind[]);
const time = fc.nat({ max: 2_000_000_000_000 });
const version: fc.Arbitrary<StoredVersion> = fc.record({
  version: fc.integer({ min: 1, max: 1_000 }),
  state: fc.constantFrom(...Object.keys(versionStates) as VersionState[]),
  createdAt: time,
  deletedAt: time,
  fields: fc.uniqueArray(fc.record({ name, kind }, { noNullPrototype: true }), {
    maxLength: 4,
    selector: (field) => field.name,
  }),
  generated: fc.boolean(),
  fingerprint: fc.stringMatching(/^[0-9a-f]{16}$/),
  hash: fc.stringMatching(/^[0-9a-f]{64}$/),
}, { noNullPrototype: true, requiredKeys: ["version", "state", "createdAt", "fields", "generated", "hash"] });
const stored: fc.Arbitrary<StoredSecret> = fc.record({
  path: fc.constantFrom("a", "db/prod/john", "Grüße/ключ").map(secretPath),
  labels: fc.dictionary(name, fc.string({ unit: "grapheme", maxLength: 10 }), { noNullPrototype: true }),
  expiresAt: time,
  currentVersion: fc.integer({ min: 1, max: 1_000 }),
  keptVersions: fc.integer({ min: 1, max: 100 }),
  versions: fc.array(version, { minLength: 1, maxLength: 6 }),
  createdAt: time,
  updatedAt: time,
  lastAction: fc.constantFrom(...Object.keys(changeActions) as ChangeAction[]),
  movedFrom: fc.constant(secretPath("old")),
}, {
  noNullPrototype: true,
  requiredKeys: [
    "path",
    "labels",
    "currentVersion",
    "keptVersions",
    "versions",
    "createdAt",
    "updatedAt",
    "lastAction",
  ],
});

Deno.test("metadataCodec and claimCodec give back what they encoded", () => {
  fc.assert(fc.property(stored, id, id, fc.nat({ max: 2 ** 32 - 1 }), (secret, importId, id, base) => {
    assert.deepEqual(metadataCodec.decode(metadataCodec.encode(secret)), secret);
    const claim = { importId, id, base, secret };
    assert.deepEqual(claimCodec.decode(claimCodec.encode(claim)), claim);
  }));
});

Deno.test("indexCodec gives back what it encoded", () => {
  const entry = fc.record({
    kind: fc.constantFrom("folder" as const, "secret" as const, "closing" as const),
    id,
    name: fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 }),
  }, { noNullPrototype: true });
  fc.assert(fc.property(entry, (one) => assert.deepEqual(indexCodec.decode(indexCodec.encode(one)), one)));
});

Deno.test("valueCodec gives back the fields, and the names are in its context", () => {
  const field = fc.record({ name, kind, value: fc.uint8Array({ maxLength: 40 }) }, { noNullPrototype: true });
  const fields = fc.uniqueArray(field, { minLength: 1, maxLength: 6, selector: (one) => one.name });
  fc.assert(fc.property(fields, id, fc.integer({ min: 1, max: 2 ** 32 - 1 }), (fields, id, version) => {
    const names = fields.map(({ name }) => name);
    const codec = valueCodec(names);
    const value = newValue(fields);
    assert.deepEqual(codec.decode(codec.encode(value))?.fields, fields);
    assert.equal(codec.decode(codec.encode(value))?.hash, value.hash);
    assert.notEqual(newValue(fields).hash, value.hash, "an equal value has another hash");
    const key = valueKey(id, version);
    assert.equal(key.length, 20);
    assert.notDeepEqual(valueCodec([...names, "more"]).context?.(key), codec.context?.(key));
  }));
});

Deno.test("every decoder is total", () => {
  const codecs = [metadataCodec, claimCodec, indexCodec, importCodec, importListCodec, valueCodec(["a", "b"])];
  const json = fc.json().map(utf8);
  const near = fc.record({
    sets: fc.jsonValue(),
    versions: fc.jsonValue(),
    path: fc.jsonValue(),
    labels: fc.jsonValue(),
  })
    .map((value) => utf8(JSON.stringify(value)));
  fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), json, near), (bytes) => {
    for (const codec of codecs) codec.decode(bytes);
  }));
});
