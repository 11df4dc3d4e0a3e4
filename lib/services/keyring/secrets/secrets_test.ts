import assert from "node:assert/strict";
import { FakeClock } from "../../../../tests/support/fake_clock.ts";
import { fastPauses } from "../../../../tests/support/fast_clock.ts";
import { TestSecrets, textField } from "../../../../tests/support/keyring_secrets.ts";
import { utf8, utf8Text } from "../../../base/bytes.ts";
import { secretLimits } from "../../../api/keyring/fields.ts";
import { folderPath, secretPath } from "../../../api/keyring/paths.ts";

const { signal } = new AbortController();
const call = { signal };
const hour = 60 * 60_000;
const john = secretPath("db/prod/john");
const value = (text: string) => ({ fields: [textField("value", text)] });

Deno.test("create() makes a secret that read() gives back with its kinds, labels and expiry", async () => {
  await using stage = new TestSecrets();
  const fields = [
    textField("user", "john"),
    { name: "limits", kind: "json", value: utf8('{"a":[1]}') },
    { name: "key", kind: "bytes", value: Uint8Array.of(0, 255) },
  ] as const;
  const expiresAt = stage.clock.wall() + hour;
  const content = { fields, labels: { team: "data" }, expiresAt };
  assert.deepEqual(await stage.secrets.create(john, content, call), { path: john, version: 1 });
  const read = await stage.secrets.read(john, { signal });
  assert.deepEqual(read.fields.map((field) => ({ ...field, value: field.value.slice() })), fields);
  const { id, versions, ...info } = read.info;
  assert.match(id, /^[0-9a-f]{32}$/);
  const now = stage.clock.wall();
  assert.deepEqual(info, {
    path: john,
    labels: { team: "data" },
    expiresAt,
    currentVersion: 1,
    keptVersions: 10,
    createdAt: now,
    updatedAt: now,
  });
  assert.deepEqual(versions, [read.version]);
  assert.deepEqual(read.version.fields.map(({ name, kind }) => `${name} ${kind}`), [
    "user text",
    "limits json",
    "key bytes",
  ]);
});

Deno.test("put() makes a secret or its next version, also of a deleted one, and returns the secret after it", async () => {
  await using stage = new TestSecrets();
  const { secrets } = stage;
  const versions: number[] = [];
  for (const text of ["1", "2", "3"]) {
    const { version, info, path } = await secrets.put(john, value(text), call);
    assert.deepEqual([path, info], [john, await secrets.info(john, signal)]);
    versions.push(version);
    if (text === "2") await secrets.delete(john, {}, call);
  }
  assert.deepEqual(versions, [1, 2, 3]);
  await assert.rejects(secrets.put(john, value("4"), { signal, cas: 0 }), { code: "version_mismatch" });
  assert.equal((await secrets.put(john, value("4"), { signal, cas: 3 })).version, 4);
  const { fields: [field] } = await secrets.read(john, { signal });
  assert.equal(field && utf8Text(field.value), "4");
});

Deno.test("put() by 16 writers at once gives each a version of its own", async () => {
  await using stage = new TestSecrets({ clock: fastPauses(1_000) });
  const put = (_: unknown, index: number) => stage.secrets.put(john, value(`${index}`), call);
  const written = await Promise.all(Array.from({ length: 16 }, put));
  assert.deepEqual(
    written.map(({ version }) => version).toSorted((a, b) => a - b),
    Array.from({ length: 16 }, (_, at) => at + 1),
  );
});

Deno.test("create() refuses a path that exists, names its version, and takes a deleted one with cas alone", async () => {
  await using stage = new TestSecrets();
  const { secrets } = stage;
  await stage.make(john, "1");
  await assert.rejects(secrets.create(john, value("2"), call), { code: "exists", details: { version: 1 } });
  await assert.rejects(secrets.create(john, value("2"), { ...call, cas: 0 }), { code: "version_mismatch" });
  await secrets.delete(john, {}, call);
  await assert.rejects(secrets.create(john, value("2"), call), { code: "exists", message: /deleted; undelete it/ });
  assert.equal((await secrets.create(john, value("2"), { ...call, cas: 1 })).version, 2);
  assert.equal(await stage.text(john), "2");
  const absent = secrets.create(secretPath("x"), value("2"), { ...call, cas: 3 });
  await assert.rejects(absent, { code: "version_mismatch" });
});

Deno.test("read() tells a path that does not exist from a version that is not there", async () => {
  await using stage = new TestSecrets();
  await assert.rejects(stage.secrets.read(john, { signal }), { code: "not_found" });
  await assert.rejects(stage.secrets.info(john, signal), { code: "not_found" });
  await stage.make(john, "1");
  await assert.rejects(stage.secrets.read(john, { version: 7, signal }), {
    code: "version_mismatch",
    message: '"db/prod/john" has version 1, not 7.',
    details: { version: 1 },
  });
});

Deno.test("update() replaces all fields and needs a live secret", async () => {
  await using stage = new TestSecrets();
  const { secrets } = stage;
  await assert.rejects(secrets.update(john, value("1"), call), { code: "not_found" });
  await secrets.create(john, { fields: [textField("a", "1"), textField("b", "1")] }, call);
  assert.equal((await secrets.update(john, { fields: [textField("c", "2")] }, call)).version, 2);
  const { fields } = await secrets.read(john, { signal });
  assert.deepEqual(fields.map(({ name }) => name), ["c"]);
  assert.equal((await secrets.read(john, { version: 1, signal })).fields.length, 2);
  await secrets.delete(john, {}, call);
  await assert.rejects(secrets.update(john, value("3"), call), { code: "deleted" });
  await secrets.destroy(john, { versions: [2] }, call);
  await assert.rejects(secrets.update(john, value("3"), call), { code: "destroyed" });
});

Deno.test("a check-and-set is compared before the new content is judged", async () => {
  await using stage = new TestSecrets();
  const { secrets } = stage;
  await stage.make(john, "1");
  const wrong = { code: "version_mismatch", message: '"db/prod/john" has version 1, not 4.', details: { version: 1 } };
  const stale = { ...call, cas: 4 };
  await assert.rejects(secrets.update(john, { fields: [] }, stale), wrong);
  await assert.rejects(secrets.patch(john, { labels: { "": "" } }, stale), wrong);
  await assert.rejects(secrets.delete(john, {}, stale), wrong);
  await assert.rejects(secrets.move(john, secretPath("x"), stale), wrong);
  await assert.rejects(secrets.create(john, { fields: [] }, stale), wrong);
  await assert.rejects(secrets.update(john, { fields: [] }, { ...call, cas: 1 }), { code: "request_invalid" });
});

Deno.test("patch() merges fields into a new version, and changes labels and expiry without one", async () => {
  const clock = new FakeClock();
  await using stage = new TestSecrets({ clock });
  const { secrets } = stage;
  await secrets.create(john, { fields: [textField("a", "1"), textField("b", "1")], labels: { x: "1", y: "1" } }, call);
  const { name: _, ...changed } = textField("c", "2");
  assert.equal((await secrets.patch(john, { fields: { a: null, c: changed } }, call)).version, 2);
  const { fields } = await secrets.read(john, { signal });
  assert.deepEqual(fields.map(({ name, value }) => [name, utf8Text(value)]), [["b", "1"], ["c", "2"]]);
  await assert.rejects(secrets.patch(john, { fields: { b: null, c: null } }, call), { code: "request_invalid" });
  const expiresAt = clock.wall() + hour;
  stage.engine.tamper(...stage.engine.rows("value").map((row) => ({ ...row, bytes: undefined })));
  assert.equal(
    (await secrets.patch(john, { labels: { x: null, z: "2" }, expiresAt }, call)).version,
    2,
    "no value is opened",
  );
  assert.deepEqual((await secrets.info(john, signal)).labels, { y: "1", z: "2" });
  await clock.advance(hour);
  await assert.rejects(secrets.read(john, { signal }), { code: "expired", message: /has expired at 20/ });
  await secrets.patch(john, { expiresAt: null }, call);
  assert.equal((await secrets.info(john, signal)).expiresAt, undefined);
});

Deno.test("setMetadata() changes labels in every state, and a secret without versions is absent until its first one", async () => {
  await using stage = new TestSecrets();
  const { secrets } = stage;
  await assert.rejects(secrets.setMetadata(john, { labels: { a: "b" } }, call), { code: "not_found" });
  const made = await secrets.setMetadata(john, { labels: { a: "b" }, create: true }, call);
  assert.deepEqual(made, { path: john, version: 0 });
  const { labels, versions, currentVersion } = await secrets.info(john, signal);
  assert.deepEqual([labels, versions, currentVersion], [{ a: "b" }, [], 0]);
  for (
    const refused of [
      secrets.read(john, { signal }),
      secrets.read(john, { version: 1, signal }),
      secrets.update(john, value("x"), call),
      secrets.patch(john, { labels: { c: "d" } }, call),
      secrets.delete(john, {}, call),
      secrets.destroy(john, { versions: [1] }, call),
    ]
  ) await assert.rejects(refused, { code: "not_found" });
  const imported = await secrets.import([{ path: john, ...value("x") }], { signal, dryRun: true });
  assert.deepEqual(imported.items.map(({ error }) => error?.code), ["exists"]);
  assert.deepEqual(await secrets.create(john, value("one"), call), { path: john, version: 1 });
  assert.deepEqual((await secrets.read(john, { signal })).info.labels, { a: "b" });
  await secrets.setMetadata(john, { labels: { c: "d", a: null } }, call);
  await secrets.delete(john, {}, call);
  await secrets.setMetadata(john, { labels: { e: "f" }, keptVersions: 3 }, call);
  const merged = await secrets.info(john, signal);
  assert.deepEqual([merged.labels, merged.keptVersions], [{ c: "d", e: "f" }, 3]);
  await secrets.destroy(john, { versions: [1] }, call);
  await secrets.setMetadata(john, { labels: { g: "h" }, replaceLabels: true }, call);
  assert.deepEqual((await secrets.info(john, signal)).labels, { g: "h" });
});

Deno.test("move() keeps ID and history, takes empty folders away, and refuses a path that exists", async () => {
  await using stage = new TestSecrets();
  const { secrets } = stage;
  await stage.make(john, "1");
  await secrets.update(john, value("2"), call);
  await stage.make("app/key", "k");
  const before = await secrets.info(john, signal);
  const to = secretPath("people/john");
  await assert.rejects(secrets.move(john, secretPath("app/key"), call), { code: "exists" });
  await assert.rejects(secrets.move(john, john, call), { code: "exists" });
  assert.deepEqual(await secrets.move(john, to, call), { path: to, version: 2 });
  const after = await secrets.info(to, signal);
  assert.deepEqual({ ...after, path: john }, before);
  assert.deepEqual([await stage.text(to, 1), await stage.text(to)], ["1", "2"]);
  await assert.rejects(secrets.read(john, { signal }), { code: "not_found" });
  assert.deepEqual(await stage.paths(), ["app/", "people/"]);
  await stage.make(john, "new");
  assert.deepEqual(await stage.paths("db/prod/"), [john]);
});

Deno.test("delete(), undelete() and destroy() work by version", async () => {
  await using stage = new TestSecrets();
  const { secrets } = stage;
  await stage.make(john, "1");
  await secrets.update(john, value("2"), call);
  await secrets.delete(john, {}, call);
  await assert.rejects(secrets.read(john, { signal }), { code: "deleted", details: { version: 2 } });
  await assert.rejects(secrets.delete(john, {}, call), { code: "deleted" });
  assert.equal(await stage.text(john, 1), "1");
  await secrets.undelete(john, {}, call);
  assert.equal(await stage.text(john), "2");
  await secrets.delete(john, { versions: [1, 2] }, call);
  await secrets.undelete(john, { versions: [2] }, call);
  await secrets.destroy(john, { versions: [1] }, call);
  await assert.rejects(secrets.read(john, { version: 1, signal }), { code: "destroyed" });
  await assert.rejects(secrets.undelete(john, { versions: [1] }, call), { code: "destroyed" });
  await assert.rejects(secrets.delete(john, { versions: [9] }, call), { code: "version_mismatch" });
  const { versions } = await secrets.info(john, signal);
  assert.deepEqual(versions.map(({ state, fields }) => [state, fields.length]), [["destroyed", 0], ["live", 1]]);
  assert.equal(stage.engine.rows("value").length, 1);
  assert.equal(stage.engine.calls.purge, 1);
});

Deno.test("destroy() leaves a version destroying while the engine cannot purge, and resume() finishes it", async () => {
  await using stage = new TestSecrets();
  await stage.make(john, "1");
  stage.engine.before = (verb) => {
    if (verb === "purge") throw new RangeError("no purge");
  };
  await assert.rejects(stage.secrets.destroy(john, { versions: [1] }, call), RangeError);
  const states = async () => (await stage.secrets.info(john, signal)).versions.map(({ state }) => state);
  assert.deepEqual(await states(), ["destroying"]);
  assert.equal(stage.engine.rows("value").length, 0);
  stage.engine.before = () => {};
  await using other = stage.again();
  await other.secrets.resume(signal);
  assert.deepEqual(await states(), ["destroyed"]);
  assert.equal(stage.engine.rows("schedule").length, 0);
});

Deno.test("versions beyond the kept ones are removed once they are a day old, and never the newest", async () => {
  const clock = new FakeClock();
  await using stage = new TestSecrets({ clock });
  const { secrets } = stage;
  await stage.make(john, "1");
  for (let version = 2; version <= 15; version++) await secrets.update(john, value(`${version}`), call);
  assert.equal((await secrets.info(john, signal)).versions.length, 15, "none is a day old");
  await clock.advance(24 * hour);
  await secrets.update(john, value("16"), call);
  const { versions } = await secrets.info(john, signal);
  assert.deepEqual(versions.map(({ version }) => version), [7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
  assert.equal(stage.engine.rows("value").length, 10);
  await assert.rejects(secrets.read(john, { version: 6, signal }), {
    code: "version_mismatch",
    message: /7 to 16, not 6/,
  });
  await clock.advance(24 * hour);
  await secrets.patch(john, { keptVersions: 1 }, call);
  assert.deepEqual((await secrets.info(john, signal)).versions.map(({ version }) => version), [16]);
  await assert.rejects(secrets.patch(john, { keptVersions: 0 }, call), { code: "request_invalid" });
  await assert.rejects(secrets.patch(john, { keptVersions: 101 }, call), { code: "request_invalid" });
});

Deno.test("a secret of 1 MiB fits with its history, and one byte more is too_large", async () => {
  await using stage = new TestSecrets();
  const size = secretLimits.totalBytes - "value".length;
  await stage.make(john, "x".repeat(size));
  assert.equal((await stage.text(john))?.length, size);
  await assert.rejects(stage.secrets.update(john, value("x".repeat(size + 1)), call), { code: "too_large" });
  await assert.rejects(stage.secrets.create(secretPath("a"), { fields: [] }, call), { code: "request_invalid" });
});

Deno.test("list() gives one level in order and in pages, with secret and folder of one name", async () => {
  await using stage = new TestSecrets();
  for (const path of ["db/prod", "db/prod/a", "db/prod/b", "db/x/y/z", "db/a", "e"]) await stage.make(path, "1");
  assert.deepEqual(await stage.paths(), ["db/", "e"]);
  assert.deepEqual(await stage.paths("db/"), ["db/a", "db/prod", "db/prod/", "db/x/"]);
  const list = (after: string) => stage.secrets.list(folderPath("db"), { after, limit: 2, withInfo: true, signal });
  const first = await list("");
  assert.deepEqual([first.entries.map(({ path }) => path), first.more], [["db/a", "db/prod"], true]);
  assert.equal(first.entries[1]?.info?.path, "db/prod");
  const second = await list("db/prod");
  assert.deepEqual([second.entries, second.more], [[{ path: "db/prod/" }, { path: "db/x/" }], false]);
  await assert.rejects(stage.secrets.list(folderPath("no"), { limit: 1, signal }), { code: "not_found" });
  await using empty = new TestSecrets();
  assert.deepEqual(await empty.paths(), []);
});

Deno.test("diff() names fields and shows no values", async () => {
  await using stage = new TestSecrets();
  const { secrets } = stage;
  await secrets.create(john, { fields: ["a", "b", "c", "k"].map((name) => textField(name, name)) }, call);
  const kept = { name: "k", kind: "bytes", value: utf8("k") } as const;
  const fields = [textField("a", "a"), textField("b", "other"), textField("d", "d"), kept];
  await secrets.update(john, { fields }, call);
  assert.deepEqual(await secrets.diff(john, 1, 2, signal), {
    added: ["d"],
    removed: ["c"],
    changed: ["b", "k"],
    same: ["a"],
  });
});

Deno.test("a generated value has a fingerprint of its secret and version, and others have none", async () => {
  await using stage = new TestSecrets();
  const { secrets } = stage;
  const generated = { ...value("pw"), generated: true };
  const first = await secrets.create(john, generated, call);
  assert.match(first.fingerprint ?? "", /^[0-9a-f]{16}$/);
  const other = await secrets.create(secretPath("other"), generated, call);
  const second = await secrets.update(john, generated, call);
  assert.equal(new Set([first, other, second].map(({ fingerprint }) => fingerprint)).size, 3);
  assert.equal((await secrets.update(john, value("pw"), call)).fingerprint, undefined);
  const { versions } = await secrets.info(john, signal);
  assert.deepEqual(versions.map(({ fingerprint }) => fingerprint), [first.fingerprint, second.fingerprint, undefined]);
});

Deno.test("generate() keeps the other fields of the newest version, in their order, and their kinds", async () => {
  await using stage = new TestSecrets();
  const { secrets } = stage;
  const blob = { name: "blob", kind: "bytes", value: utf8("b") } as const;
  await secrets.create(john, { fields: [textField("user", "u"), textField("password", "old"), blob] }, call);
  const content = { fields: [textField("password", "new"), textField("more", "m")] };
  await assert.rejects(secrets.generate(john, content, call), { code: "exists" });
  await assert.rejects(secrets.generate(john, content, { ...call, cas: 7 }), { code: "version_mismatch" });
  const { version, fingerprint } = await secrets.generate(john, content, { ...call, cas: 1 });
  assert.equal(version, 2);
  assert.match(fingerprint ?? "", /^[0-9a-f]{16}$/);
  const { fields } = await secrets.read(john, { signal });
  const shown = fields.map(({ name, kind, value }) => `${name} ${kind} ${utf8Text(value)}`);
  assert.deepEqual(shown, ["user text u", "password text new", "blob bytes b", "more text m"]);
  const before = await secrets.read(john, { signal, version: 1 });
  assert.equal(before.fields.length, 3);
});

Deno.test("generate() brings no field of a deleted or destroyed version back", async () => {
  await using stage = new TestSecrets();
  const { secrets } = stage;
  await secrets.create(john, { fields: [textField("user", "u"), textField("password", "old")] }, call);
  await secrets.delete(john, {}, call);
  const content = { fields: [textField("password", "new")] };
  await secrets.generate(john, content, { ...call, cas: 1 });
  assert.deepEqual((await secrets.read(john, { signal })).fields.map(({ name }) => name), ["password"]);
  await secrets.destroy(john, { versions: [2] }, call);
  await secrets.generate(john, content, { ...call, cas: 2 });
  assert.deepEqual((await secrets.read(john, { signal })).fields.map(({ name }) => name), ["password"]);
});

Deno.test("generate() refuses a version whose fields are too large together", async () => {
  await using stage = new TestSecrets();
  const { secrets } = stage;
  await secrets.create(john, { fields: [textField("big", "x".repeat(1_048_000))] }, call);
  const content = { fields: [textField("password", "y".repeat(1_000))] };
  await assert.rejects(secrets.generate(john, content, { ...call, cas: 1 }), { code: "too_large" });
  assert.equal((await secrets.info(john, signal)).currentVersion, 1);
});

Deno.test("what is written alongside is in the same transaction", async () => {
  await using stage = new TestSecrets();
  const failing = { ...call, alongside: () => Promise.reject(new RangeError("no")) };
  await assert.rejects(stage.secrets.create(john, value("1"), failing), RangeError);
  await assert.rejects(stage.text(john), { code: "not_found" });
});

Deno.test("16 writers of one secret lose no version, and of one path one creates", async () => {
  await using stage = new TestSecrets({ clock: fastPauses(100) });
  await using second = stage.again();
  const writers = Array.from({ length: 16 }, (_, index) => index % 2 === 0 ? stage.secrets : second.secrets);
  const created = await Promise.allSettled(writers.map((one, index) => one.create(john, value(`${index}`), call)));
  assert.equal(created.filter(({ status }) => status === "fulfilled").length, 1);
  const updated = await Promise.all(writers.map((one, index) => one.update(john, value(`u${index}`), call)));
  assert.deepEqual(updated.map(({ version }) => version).toSorted((a, b) => a - b), writers.map((_, at) => at + 2));
  for (const [index, { version }] of updated.entries()) assert.equal(await stage.text(john, version), `u${index}`);
  const cas = await Promise.allSettled(writers.map((one) => one.update(john, value("c"), { ...call, cas: 17 })));
  assert.equal(cas.filter(({ status }) => status === "fulfilled").length, 1);
});

Deno.test("a folder that one writer empties while others add to it loses no secret", async () => {
  await using stage = new TestSecrets({ clock: fastPauses(100) });
  await using second = stage.again();
  for (let round = 0; round < 20; round++) {
    await stage.make("box/inside/last", "1");
    const names = Array.from({ length: 7 }, (_, index) => secretPath(`box/inside/${index}`));
    await Promise.all([
      stage.secrets.move(secretPath("box/inside/last"), secretPath(`out/${round}`), call),
      ...names.map((path, index) => (index % 2 ? stage : second).secrets.create(path, value(path), call)),
    ]);
    for (const path of names) assert.equal(await second.text(path), path);
    assert.deepEqual(await second.paths("box/inside/"), names);
    for (const [index, path] of names.entries()) {
      await second.secrets.move(path, secretPath(`out/${round}.${index}`), call);
    }
    assert.deepEqual(await stage.paths(), ["out/"]);
  }
});
