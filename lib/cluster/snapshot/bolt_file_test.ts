import { deepEqual, equal, ok, rejects, throws } from "node:assert/strict";
import * as fc from "fast-check";
import { concat, sha256, utf8 } from "../../base/bytes.ts";
import { boltFile, type BoltPair } from "../../../tests/support/bolt_pages.ts";
import { etcdRow } from "../../../tests/support/etcd_rows.ts";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { BoltFile } from "./bolt_file.ts";
import { freedValues } from "./freed_values.ts";
import { revisionsIn } from "./key_bucket.ts";
import { PageSource } from "./page_source.ts";
import { SnapshotFile } from "./snapshot_file.ts";
import { SnapshotError } from "./snapshot_error.ts";

const { signal } = new AbortController();

const pairs = fc.uniqueArray(
  fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 20 }), fc.uint8Array({ maxLength: 600 })),
  { minLength: 1, maxLength: 24, selector: ([key]) => key.join() },
).map((list) => list.toSorted(([a], [b]) => compare(a, b)));

function compare(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, index) => byte !== b[index]);
  if (at < 0) return a.length - b.length;
  return (a[at] ?? 0) - (b[at] ?? -1);
}

/** Reads all elements of the bucket `b` of a file with these bytes. */
function entriesOf(folder: string, bytes: Uint8Array, order: "ascending" | "descending" = "ascending"): BoltPair[] {
  Deno.writeFileSync(`${folder}/db`, bytes);
  using source = PageSource.open(`${folder}/db`);
  const file = BoltFile.open(source, source.size);
  return [...file.entries(file.bucket("b"), order)].map(({ key, value }) => [key.slice(), value.slice()]);
}

const plain = (list: readonly BoltPair[]) => list.map((pair) => pair.map((bytes) => [...bytes]));

Deno.test("BoltFile.entries() gives every element in both orders", async () => {
  await inFolder((folder) => {
    fc.assert(fc.property(pairs, (list) => {
      const bytes = boltFile("b", list);
      deepEqual(plain(entriesOf(folder, bytes)), plain(list));
      deepEqual(plain(entriesOf(folder, bytes, "descending")), plain(list.toReversed()));
    }));
    return Promise.resolve();
  });
});

Deno.test("BoltFile is total: a changed byte changes values, or ends in a SnapshotError", async () => {
  await inFolder((folder) => {
    fc.assert(
      fc.property(pairs, fc.nat(), fc.integer({ min: 1, max: 255 }), (list, at, change) => {
        const bytes = boltFile("b", list);
        const place = at % bytes.length;
        bytes[place] = (bytes[place] ?? 0) ^ change;
        try {
          ok(entriesOf(folder, bytes).length <= 70_000);
        } catch (thrown) {
          ok(thrown instanceof SnapshotError, String(thrown));
        }
      }),
      { numRuns: 400 },
    );
    return Promise.resolve();
  });
});

Deno.test("BoltFile.open() refuses a file that is cut off", async () => {
  await inFolder((folder) => {
    const bytes = boltFile("b", [[utf8("a"), utf8("1")]]);
    for (let length = 0; length < bytes.length; length += 512) {
      throws(() => entriesOf(folder, bytes.subarray(0, length)), SnapshotError, `${length} bytes`);
    }
    return Promise.resolve();
  });
});

Deno.test("BoltFile.open() takes the other meta page if one is damaged", async () => {
  await inFolder((folder) => {
    const list: BoltPair[] = [[utf8("a"), utf8("1")]];
    for (const at of [20, 1024 + 20]) {
      const bytes = boltFile("b", list);
      bytes[at] = 0;
      deepEqual(plain(entriesOf(folder, bytes)), plain(list));
    }
    const bytes = boltFile("b", list);
    bytes[20] = bytes[1024 + 20] = 0;
    throws(() => entriesOf(folder, bytes), /neither of its two meta pages is valid/);
    return Promise.resolve();
  });
});

Deno.test("BoltFile.bucket() names the bucket that is missing", async () => {
  await inFolder((folder) => {
    throws(() => entriesOf(folder, boltFile("c", [[utf8("a"), utf8("1")]])), /without the bucket "b"/);
    return Promise.resolve();
  });
});

Deno.test("revisionsIn() gives the newest revision first, with deletions", async () => {
  await inFolder((folder) => {
    const writes = [
      { revision: 2, key: "/registry/secrets/a/b", value: utf8("one") },
      { revision: 3, key: "/registry/secrets/a/b", value: utf8("two") },
      { revision: 300, key: "/registry/secrets/a/b" },
    ];
    Deno.writeFileSync(`${folder}/db`, boltFile("key", writes.map(etcdRow)));
    using source = PageSource.open(`${folder}/db`);
    const found = [...revisionsIn(BoltFile.open(source, source.size), "db")];
    deepEqual(found.map(({ revision, isDeleted }) => [revision, isDeleted]), [[300, true], [3, false], [2, false]]);
    deepEqual(found.map(({ value }) => `${new TextDecoder().decode(value)}`), ["", "two", "one"]);
    return Promise.resolve();
  });
});

Deno.test("revisionsIn() refuses a row that etcd cannot have written", async () => {
  await inFolder((folder) => {
    const [key, value] = etcdRow({ revision: 2, key: "/a", value: utf8("one") });
    const rows: BoltPair[] = [[key.subarray(0, 16), value], [key, value.subarray(0, 3)], [key, new Uint8Array(0)]];
    for (const row of rows) {
      Deno.writeFileSync(`${folder}/db`, boltFile("key", [row]));
      using source = PageSource.open(`${folder}/db`);
      const file = BoltFile.open(source, source.size);
      throws(() => [...revisionsIn(file, "db")], SnapshotError);
    }
    return Promise.resolve();
  });
});

Deno.test("SnapshotFile.open() verifies the SHA-256, and accepts a database without one", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/snapshot.db`;
    const database = boltFile("key", [etcdRow({ revision: 2, key: "/a", value: utf8("one") })]);
    const bytes = concat(database, sha256(database));
    await Deno.writeFile(path, bytes);
    {
      using snapshot = await SnapshotFile.open(path, { signal });
      equal(snapshot.checksum, "verified");
    }
    for (let at = 0; at < bytes.length; at += 97) {
      await Deno.writeFile(path, bytes.map((byte, index) => index === at ? byte ^ 1 : byte));
      await rejects(SnapshotFile.open(path, { signal }), /does not have the SHA-256 at its end/);
    }
    await Deno.writeFile(path, database);
    using snapshot = await SnapshotFile.open(path, { signal });
    equal(snapshot.checksum, "none");
    for (const wrong of [new Uint8Array(0), bytes.subarray(0, bytes.length - 1), utf8("another program's file")]) {
      await Deno.writeFile(path, wrong);
      await rejects(SnapshotFile.open(path, { signal }), SnapshotError);
    }
  });
});

Deno.test("freedValues() counts values in pages that no tree has, also across pages", async () => {
  await inFolder(async (folder) => {
    const database = boltFile("key", [etcdRow({ revision: 2, key: "/a", value: utf8("k8s:enc:kms:v2:a:") })]);
    const free = new Uint8Array(3 * 1024);
    free.set(utf8("k8s:enc:kms:v1:b:"), 100);
    free.set(utf8("k8s:enc:aescbc:v1:c:"), 1020);
    free.set(utf8("k8s\0"), 2046);
    await Deno.writeFile(`${folder}/db`, concat(database, free));
    using snapshot = await SnapshotFile.open(`${folder}/db`, { signal });
    deepEqual(await freedValues(snapshot, signal), { encrypted: 2, plain: 1, pages: 3 });
  });
});
