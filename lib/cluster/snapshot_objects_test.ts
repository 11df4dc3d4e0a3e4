import { deepEqual, equal } from "node:assert/strict";
import { boltFile } from "../../tests/support/bolt_pages.ts";
import { etcdRow, type EtcdWrite } from "../../tests/support/etcd_rows.ts";
import { inFolder } from "../../tests/support/temporary_folder.ts";
import { concat, utf8 } from "../base/bytes.ts";
import { builtInResources } from "../config/encryption/resources.ts";
import { EncryptionUsage } from "./encryption_usage.ts";
import { StoredKeys } from "./objects/stored_key.ts";
import { scanSnapshot } from "./scan_snapshot.ts";
import { SnapshotFile } from "./snapshot/snapshot_file.ts";
import { objectsIn } from "./snapshot_objects.ts";

/** Writes of each key: the first, one in the middle, and a deletion of every third key. */
const keys = 600;

/** The key of a fifth of the values, and of the others. */
function keyAt(revision: number): "k0" | "k1" {
  return revision % 5 === 0 ? "k0" : "k1";
}

/** A value of its own for each revision, a third of which is longer than a page. */
function valueAt(revision: number): Uint8Array {
  return concat(utf8(`k8s:enc:aesgcm:v1:${keyAt(revision)}:${revision}:`), new Uint8Array(revision % 3 * 700));
}

function writes(): readonly EtcdWrite[] {
  const named = (at: number) => `/registry/secrets/ns-${at % 7}/s-${at}`;
  return [
    ...Array.from({ length: keys }, (_, at) => ({ revision: 2 + at, key: named(at), value: valueAt(2 + at) })),
    ...Array.from(
      { length: keys },
      (_, at) =>
        at % 3 === 0
          ? { revision: 1_000 + at, key: named(at) }
          : { revision: 1_000 + at, key: named(at), value: valueAt(1_000 + at) },
    ),
    { revision: 5_000, key: "compact_rev_key", value: utf8("900") },
  ];
}

/** A file that is larger than the memory of its reader. */
async function withSnapshot(work: (snapshot: SnapshotFile, path: string) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const path = `${folder}/db`;
    await Deno.writeFile(path, boltFile("key", writes().map(etcdRow), 1));
    using snapshot = await SnapshotFile.open(path, { signal: new AbortController().signal });
    equal(snapshot.size > 1.5 * (1 << 20), true);
    await work(snapshot, path);
  });
}

Deno.test("objectsIn() gives each object once, with bytes that outlast the scan", () =>
  withSnapshot((snapshot, path) => {
    const found = [...objectsIn(snapshot, path, "/registry/")];
    const expected = writes().filter(({ revision, value }) => revision >= 1_000 && revision < 5_000 && value);
    deepEqual(
      found.map(({ key, keyBytes, value, revision }) => ({ key, keyBytes, value, revision })),
      expected.toReversed().map(({ key, revision }) => {
        return { key, keyBytes: utf8(key), value: valueAt(revision), revision };
      }),
    );
    return Promise.resolve();
  }));

for (const allRevisions of [false, true]) {
  Deno.test(`scanSnapshot() counts the newest revision of each key${allRevisions ? ", and older ones" : ""}`, () =>
    withSnapshot(async (snapshot, path) => {
      const usage = new EncryptionUsage(false);
      const { signal } = new AbortController();
      const keysBelow = new StoredKeys("/registry", builtInResources());
      const scanned = await scanSnapshot(snapshot, path, usage, { keys: keysBelow, allRevisions, signal });
      deepEqual(scanned, { revision: 5_000, otherKeys: 1 });
      const live = writes().filter(({ revision, value }) => revision >= 1_000 && revision < 5_000 && value);
      const rows = usage.rows().map(({ resource, state, provider, objects, olderRevisions }) => {
        return { resource, state, provider, objects, olderRevisions };
      });
      const count = (list: readonly EtcdWrite[], key: string) =>
        list.filter(({ revision }) => keyAt(revision) === key).length;
      const older = writes().filter(({ revision }) => revision < 1_000);
      const row = (provider: string) => ({
        resource: "secrets",
        state: "aesgcm",
        provider,
        objects: count(live, provider),
        olderRevisions: allRevisions ? count(older, provider) : 0,
      });
      deepEqual(rows, [row("k1"), row("k0")]);
    }));
}
