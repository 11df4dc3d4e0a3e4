import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { concat, hex } from "../../../base/bytes.ts";
import { nameText } from "../engine/limits.ts";
import { type TableName, tables } from "../engine/engine.ts";
import { BackupReader, type BackupRow, encodeBackup, verifyBackup } from "./backup_format.ts";

const head = { storeId: new Uint8Array(16).fill(7), createdAt: 1_800_000_000_123 };
const names = Object.keys(tables) as TableName[];

const row = fc.record({
  table: fc.constantFrom(...names),
  key: fc.uint8Array({ minLength: 1, maxLength: 64 }),
  bytes: fc.uint8Array({ maxLength: 300 }),
}, { noNullPrototype: true });
const rowsInOrder = fc.uniqueArray(row, { maxLength: 30, selector: nameText }).map((rows) =>
  rows.toSorted((one, other) => {
    const [a, b] = [one, other].map(({ table, key }) =>
      `${String.fromCharCode(tables[table])}${String.fromCharCode(...key)}`
    );
    return `${a}` < `${b}` ? -1 : 1;
  })
);

async function encoded(rows: readonly BackupRow[], page = 7): Promise<Uint8Array> {
  async function* pages() {
    for (let at = 0; at < rows.length; at += page) yield rows.slice(at, at + page);
  }
  return concat(...await Array.fromAsync(encodeBackup(head, pages())));
}

async function* chunksOf(bytes: Uint8Array, size = bytes.length): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Gives changed bytes a hash that fits. */
function rehashed(bytes: Uint8Array): Uint8Array {
  const body = bytes.subarray(0, -32);
  return concat(body, new Uint8Array(createHash("sha256").update(body).digest()));
}

const damaged = { code: "integrity", message: "Cannot read the backup: it is damaged or cut off; use another copy." };

Deno.test("a backup reads back as it was written, in chunks of any size", async () => {
  await fc.assert(fc.asyncProperty(rowsInOrder, fc.integer({ min: 1, max: 500 }), async (rows, size) => {
    const bytes = await encoded(rows);
    const reader = await BackupReader.open(chunksOf(bytes, size));
    assert.deepEqual(reader.head, head);
    assert.throws(() => reader.summary, { code: "internal" });
    assert.deepEqual(await Array.fromAsync(reader.rows()), rows);
    assert.deepEqual(reader.summary, { ...head, rows: rows.length, sha256: bytes.subarray(-32) });
  }));
});

Deno.test("a backup that was cut off, continued or changed in any byte is refused", async () => {
  const rows = (["key", "value"] as const).map((table) => ({
    table,
    key: Uint8Array.of(1, 2),
    bytes: Uint8Array.of(3),
  }));
  const bytes = await encoded(rows);
  for (let at = 0; at < bytes.length; at++) {
    const changed = bytes.slice();
    changed[at] = (changed[at] ?? 0) ^ 0x11;
    await assert.rejects(verifyBackup(chunksOf(changed)), { code: "integrity" }, `byte ${at} changed`);
    await assert.rejects(verifyBackup(chunksOf(bytes.subarray(0, at))), { code: "integrity" }, `cut at ${at}`);
  }
  await assert.rejects(verifyBackup(chunksOf(concat(bytes, Uint8Array.of(0)))), damaged);
});

Deno.test("a backup with a fitting hash is refused for rows in another order, twice, too large or of no table", async () => {
  const one = { table: "key", key: Uint8Array.of(1), bytes: Uint8Array.of(5) } as const;
  const two = { ...one, key: Uint8Array.of(1, 0) };
  await verifyBackup(chunksOf(await encoded([one, two])));
  for (
    const rows of [[two, one], [one, one], [{ ...one, key: new Uint8Array() }], [{ ...one, key: new Uint8Array(65) }]]
  ) {
    await assert.rejects(verifyBackup(chunksOf(await encoded(rows))), damaged);
  }
  await assert.rejects(verifyBackup(chunksOf(await encoded([{ ...one, bytes: new Uint8Array(1_200_001) }]))), damaged);
  const single = await encoded([one]);
  const firstRow = single.length - 32 - 9 - 8;
  for (const [at, value] of [[firstRow, 16], [firstRow, 255], [single.length - 33, 2]] as const) {
    const changed = single.slice();
    changed[at] = value;
    await assert.rejects(verifyBackup(chunksOf(rehashed(changed))), damaged, hex(changed));
  }
});

Deno.test("what is no backup, and one of a newer format, are named as such", async () => {
  const bytes = await encoded([]);
  const newer = bytes.slice();
  newer[8] = 2;
  await assert.rejects(verifyBackup(chunksOf(newer)), {
    message: "Cannot read the backup: it has format 2, and this version reads 1; use the version that wrote it.",
  });
  for (const text of ["", "SQLite format 3", "x".repeat(100)]) {
    await assert.rejects(verifyBackup(chunksOf(new TextEncoder().encode(text))), {
      message: "Cannot read the backup: it is no backup of a keyring.",
    });
  }
});

Deno.test("verifyBackup() is total", async () => {
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (tail) => {
    const start = (await encoded([])).subarray(0, 33);
    await assert.rejects(verifyBackup(chunksOf(concat(start, tail), 5)), { code: "integrity" });
  }));
});
