import assert from "node:assert/strict";
import { hex } from "../../../base/bytes.ts";
import { systemClock } from "../../../base/clock.ts";
import { ModelEngine } from "../../../../tests/support/model_engine.ts";
import { fullDisk } from "../../../../tests/support/full_disk.ts";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";
import { openEmbeddedEngine } from "../engine/embedded_engine.ts";
import { restoreEmbeddedStore } from "../engine/embedded_restore.ts";
import type { Engine } from "../engine/engine.ts";
import { backupOf, fileChunks, restoreRows, writeBackupFile } from "./backup.ts";
import { BackupReader } from "./backup_format.ts";

const { signal } = new AbortController();
const clock = systemClock;

async function shown(engine: Engine): Promise<readonly string[]> {
  const rows = (await Array.fromAsync(engine.snapshot(signal))).flat();
  return rows.map(({ table, key, bytes }) => `${table} ${hex(key)} ${hex(bytes).slice(0, 40)} ${bytes.length}`);
}

/** Rows of many sizes, more than one transaction holds. */
async function fill(engine: Engine): Promise<void> {
  await Promise.all(Array.from({ length: 300 }, (_, index) => {
    const table = index % 3 === 0 ? "value" : "index";
    const bytes = new Uint8Array(index % 100 === 0 ? 1_000_000 : index).fill(index);
    return engine.commit([], [{ table, key: Uint8Array.of(index >> 8, index), bytes }], signal);
  }));
}

async function idIn(path: string): Promise<Uint8Array> {
  return (await BackupReader.open(fileChunks(path))).head.storeId;
}

Deno.test("a store is restored from the backup of another one, with its ID and all rows", async () => {
  await inFolder(async (folder) => {
    const [file, path] = [`${folder}/backup`, `${folder}/restored.db`];
    await using engine = await openEmbeddedEngine({ path: `${folder}/store.db`, clock, create: true });
    await fill(engine);
    const written = await writeBackupFile(file, backupOf(engine, clock, signal));
    assert.equal(written.rows, 300);
    assert.equal(((await Deno.stat(file)).mode ?? 0) & 0o777, 0o600);
    const read = await restoreEmbeddedStore(
      { path, clock },
      await idIn(file),
      (to) => restoreRows(to, fileChunks(file), signal),
      signal,
    );
    assert.deepEqual(read, written);
    await using restored = await openEmbeddedEngine({ path, clock, create: false });
    assert.deepEqual(restored.storeId, engine.storeId);
    assert.deepEqual(await shown(restored), await shown(engine));
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
    assert.deepEqual(names.filter((name) => /restoring|unfinished|new/.test(name)), []);
  });
});

Deno.test("a restore that fails leaves no store, and one over a store is refused", async () => {
  await inFolder(async (folder) => {
    const [file, path] = [`${folder}/backup`, `${folder}/restored.db`];
    const engine = new ModelEngine();
    await fill(engine);
    await writeBackupFile(file, backupOf(engine, clock, signal));
    const storeId = await idIn(file);
    const restore = () =>
      restoreEmbeddedStore({ path, clock }, storeId, (to) => restoreRows(to, fileChunks(file), signal), signal);
    await Deno.truncate(file, (await Deno.stat(file)).size - 1);
    await assert.rejects(restore(), { code: "integrity", message: /it is damaged or cut off/ });
    const options = { path, clock, create: false };
    await assert.rejects(openEmbeddedEngine(options), /there is none; restore a backup/);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), ["backup", "restored.db.lock"]);
    await using _store = await openEmbeddedEngine({ ...options, create: true });
    await assert.rejects(restore(), /process \d+ has it open/);
    await _store[Symbol.asyncDispose]();
    await assert.rejects(restore(), {
      code: "exists",
      message: `Cannot restore the store at "${path}": there is one; move it away first.`,
    });
  });
});

Deno.test("restoreRows() refuses another store's backup, a store with rows, and a store that somebody else writes to", async () => {
  const engine = new ModelEngine();
  await fill(engine);
  const backup = () => backupOf(engine, clock, signal);
  const message = (text: string) => ({ message: `Cannot restore the backup: ${text}` });
  await assert.rejects(restoreRows(new ModelEngine(), backup(), signal), message("it is of another store."));
  await assert.rejects(
    restoreRows(engine, backup(), signal),
    message("the store is not empty; restore into a new one."),
  );
  const target = Object.assign(new ModelEngine(), { storeId: engine.storeId });
  async function* disturbed() {
    let isHead = true;
    for await (const chunk of backup()) {
      if (!isHead) {
        await target.commit([], [{ table: "value", key: Uint8Array.of(0, 3), bytes: new Uint8Array(1) }], signal);
      }
      isHead = false;
      yield chunk;
    }
  }
  const conflict = message("somebody else writes to the store; stop the servers.");
  await assert.rejects(restoreRows(target, disturbed(), signal), conflict);
});

Deno.test("writeBackupFile() leaves an existing file alone, and no file after a failure", async () => {
  await inFolder(async (folder) => {
    const engine = new ModelEngine();
    await fill(engine);
    await Deno.writeTextFile(`${folder}/taken`, "kept");
    await assert.rejects(writeBackupFile(`${folder}/taken`, backupOf(engine, clock, signal)), { code: "exists" });
    assert.equal(await Deno.readTextFile(`${folder}/taken`), "kept");
    async function* broken() {
      yield new Uint8Array(100);
      throw new Error("broken");
    }
    await assert.rejects(writeBackupFile(`${folder}/broken`, broken()), { code: "request_invalid" });
    async function* wrong() {
      yield new Uint8Array(100);
    }
    await assert.rejects(writeBackupFile(`${folder}/wrong`, wrong()), { code: "integrity" });
    await assert.rejects(writeBackupFile(`${folder}/no/where`, backupOf(engine, clock, signal)), {
      message: /^Cannot write the backup to ".*": there is no such file or folder; make its folder first\.$/,
    });
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["taken"]);
  });
});

Deno.test("writeBackupFile() names a full disk", async () => {
  await inFolder(async (folder) => {
    await using disk = await fullDisk(folder);
    const engine = new ModelEngine();
    await fill(engine);
    const written = writeBackupFile(`${disk.folder}/backup`, backupOf(engine, clock, signal));
    if (disk.why === "the disk is full") await assert.rejects(written, /: the disk is full; make room there\.$/);
    else assert.equal((await written).rows, 300);
  });
});
