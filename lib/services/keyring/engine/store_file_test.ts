import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { systemClock } from "../../../base/clock.ts";
import { systemFailures } from "../../../base/system_failures.ts";
import { utf8 } from "../../../base/bytes.ts";
import { inFolder } from "../../../../tests/support/temporary_folder.ts";
import { fullDisk } from "../../../../tests/support/full_disk.ts";
import { run, waitFor } from "../../../../tests/support/processes.ts";
import { openEmbeddedEngine } from "./embedded_engine.ts";
import type { Engine } from "./engine.ts";
import { placeStore } from "./store_file.ts";

const { signal } = new AbortController();

const open = (path: string, create = true) => openEmbeddedEngine({ path, clock: systemClock, create });

/** Opening must be refused, for a reason that the sentence names. */
async function refuses(path: string, why: string | RegExp, create = true): Promise<void> {
  const pattern = typeof why === "string" ? new RegExp(`^Cannot open the store at "${path}": ${why}\\.$`) : why;
  await assert.rejects(open(path, create), { name: "KeyringError", code: "store_unavailable", message: pattern });
}

/** A store with some rows, closed. */
async function madeStore(folder: string, rows = 50): Promise<string> {
  const path = `${folder}/store.db`;
  await using engine = await open(path);
  for (let index = 0; index < rows; index++) await write(engine, index, 4_000);
  return path;
}

async function write(engine: Engine, index: number, size: number): Promise<boolean> {
  return await engine.commit([], [{
    table: "value",
    key: Uint8Array.of(1, index),
    bytes: new Uint8Array(size).fill(7),
  }], signal);
}

/** Whether this user can mount a small file system. */
async function canMount(): Promise<boolean> {
  const folder = await Deno.makeTempDir();
  try {
    await using disk = await fullDisk(folder);
    return disk.why === systemFailures.ENOSPC;
  } finally {
    await Deno.remove(folder);
  }
}

const isMountable = await canMount();

function change(path: string, sql: string): void {
  const database = new DatabaseSync(path);
  database.exec(sql);
  database.close();
}

Deno.test("openEmbeddedEngine() makes folder and files for this user alone, and keeps the store's ID", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/state/store.db`;
    await refuses(path, "there is none; restore a backup, or let the server make a new one", false);
    const modes: string[] = [];
    let storeId: string;
    {
      await using engine = await open(path);
      await write(engine, 1, 10);
      storeId = engine.storeId.join();
      assert.equal(engine.storeId.length, 16);
      for (const name of ["", "/store.db", "/store.db-wal", "/store.db-shm", "/store.db.lock"]) {
        modes.push(((Deno.statSync(`${folder}/state${name}`).mode ?? 0) & 0o777).toString(8));
      }
    }
    assert.deepEqual(modes, ["700", "600", "600", "600", "600"]);
    await using again = await open(path, false);
    assert.equal(again.storeId.join(), storeId);
    assert.equal((await again.scan({ table: "value", prefix: new Uint8Array(), limit: 10 }, signal)).length, 1);
  });
});

Deno.test("openEmbeddedEngine() refuses a second one, and names the process that has the store open", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/store.db`;
    await using _first = await open(path);
    await refuses(path, `process ${Deno.pid} has it open; stop that one first`);
  });
});

Deno.test("openEmbeddedEngine() refuses what others may use, and what is no store", async () => {
  await inFolder(async (folder) => {
    const path = await madeStore(folder);
    await Deno.chmod(path, 0o640);
    await refuses(path, `others may use it; chmod 600 ${path}`);
    await Deno.chmod(path, 0o600);
    await Deno.chmod(folder, 0o750);
    await refuses(path, `others may use its folder; chmod 700 ${folder}`);
    await Deno.chmod(folder, 0o700);
    await Deno.symlink(path, `${folder}/link.db`);
    await refuses(`${folder}/link.db`, "it is no regular file; remove it");
    await Deno.writeTextFile(`${folder}/text.db`, "This is a text. ".repeat(40), { mode: 0o600 });
    await refuses(`${folder}/text.db`, "it is no store of the keyring; name another path");
    change(`${folder}/other.db`, "CREATE TABLE other (a)");
    await Deno.chmod(`${folder}/other.db`, 0o600);
    await refuses(`${folder}/other.db`, "it is no store of the keyring; name another path");
    await Deno.writeFile(`${folder}/empty.db`, new Uint8Array(), { mode: 0o600 });
    await refuses(`${folder}/empty.db`, "it is truncated to 0 bytes; restore a backup");
    await Deno.writeFile(`${folder}/gone.db-wal`, new Uint8Array(10), { mode: 0o600 });
    await refuses(`${folder}/gone.db`, /there is ".*gone\.db-wal" without it; restore a backup/);
    await Deno.mkdir(`${folder}/pipe.db.lock`);
    await refuses(`${folder}/pipe.db`, /^Cannot lock the store at ".*": ".*\.lock" is no file; remove it\.$/);
  });
});

Deno.test("openEmbeddedEngine() refuses a newer format, and tables that are not its own", async () => {
  await inFolder(async (folder) => {
    const path = await madeStore(folder, 1);
    change(path, "CREATE TRIGGER t AFTER DELETE ON row BEGIN INSERT INTO row VALUES (1, x'00', 1, x'00'); END");
    await refuses(path, "its tables are not those of the keyring; restore a backup");
    change(path, "DROP TRIGGER t; UPDATE header SET store = x'01'");
    await refuses(path, "its tables are not those of the keyring; restore a backup");
    change(path, "PRAGMA user_version = 2");
    await refuses(path, "it has format 2, and this version knows 1; use the version that wrote it");
  });
});

Deno.test("openEmbeddedEngine() refuses a truncated file", async () => {
  await inFolder(async (folder) => {
    const path = await madeStore(folder);
    const { size } = await Deno.stat(path);
    await Deno.truncate(path, size - 4096);
    await refuses(path, `it is truncated to ${size - 4096} of ${size} bytes; restore a backup`);
    await Deno.truncate(path, 50);
    await refuses(path, "it is truncated to 50 bytes; restore a backup");
  });
});

Deno.test("the engine answers nothing more once the check of the file has found damage", async () => {
  await inFolder(async (folder) => {
    const path = await madeStore(folder);
    const { size } = await Deno.stat(path);
    {
      using file = await Deno.open(path, { write: true });
      await file.seek(size - 3 * 4096, Deno.SeekMode.Start);
      await file.write(new Uint8Array(2 * 4096).fill(0x5a));
    }
    const warnings: string[] = [];
    await using engine = await openEmbeddedEngine({
      path,
      clock: systemClock,
      create: false,
      notify: (event) => void ("message" in event && warnings.push(`${event.message}`)),
    });
    await engine.get([{ table: "policy", key: Uint8Array.of(1) }], signal);
    await waitFor("the check", () => engine.health().state === "failed", { timeoutMs: 20_000, everyMs: 20 });
    const message = `Cannot use the store at "${path}": its file is damaged; restore a backup.`;
    assert.deepEqual(engine.health(), { state: "failed", reason: message });
    assert.deepEqual(warnings, [message]);
    await assert.rejects(engine.get([{ table: "policy", key: Uint8Array.of(1) }], signal), { message });
    await assert.rejects(write(engine, 1, 1), { code: "store_unavailable", message });
  });
});

/** Registers a test that needs a file system of its own. */
function testMounted(name: string, work: () => Promise<void>): void {
  Deno.test({ name: isMountable ? name : `${name} (cannot: mount)`, ignore: !isMountable }, work);
}

testMounted("a write on a full disk is refused with a sentence, changes nothing, and the engine goes on", async () => {
  await inFolder(async (folder) => {
    await using _disk = await fullDisk(folder);
    const path = `${folder}/store.db`;
    await using engine = await open(path);
    await write(engine, 1, 100);
    const message = `Cannot write to the store at "${path}": the disk is full; make room there.`;
    const results = await Promise.allSettled([
      write(engine, 2, 500_000),
      write(engine, 3, 100),
      write(engine, 4, 500_000),
    ]);
    assert.deepEqual(results.map(({ status }) => status), ["rejected", "fulfilled", "rejected"]);
    assert.equal(`${(results[0] as PromiseRejectedResult).reason.message}`, message);
    assert.deepEqual(
      (await engine.scan({ table: "value", prefix: new Uint8Array(), limit: 10 }, signal)).map(({ key }) => key[1]),
      [1, 3],
    );
    assert.deepEqual(engine.health(), { state: "degraded", reason: message });
    assert.equal(await write(engine, 5, 100), true);
    assert.deepEqual(engine.health(), { state: "ok" });
  });
});

testMounted("openEmbeddedEngine() refuses a read-only file system", async () => {
  await inFolder(async (folder) => {
    await using _disk = await fullDisk(folder);
    const path = await madeStore(folder, 1);
    assert.equal((await run("mount", ["-o", "remount,ro", folder])).code, 0);
    await refuses(path, /": the file system is mounted read-only; mount it to be written/);
  });
});

Deno.test("purge() leaves nothing of a deleted row in the files, after a snapshot that holds it has ended", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/store.db`;
    await using engine = await open(path);
    const marker = "a value that is to be forgotten ".repeat(400);
    const row = { table: "value", key: Uint8Array.of(1) } as const;
    const others = Array.from({ length: 300 }, (_, index) => write(engine, index % 256, 4_000));
    await Promise.all([...others, engine.commit([], [{ ...row, bytes: utf8(marker) }], signal)]);
    const isThere = async () => {
      const files = await Promise.all(["", "-wal", "-shm"].map((name) => Deno.readFile(`${path}${name}`)));
      return files.some((bytes) => new TextDecoder("latin1").decode(bytes).includes("to be forgotten"));
    };
    await engine.purge(signal);
    assert.ok(await isThere());
    const snapshot = engine.snapshot(signal)[Symbol.asyncIterator]();
    await snapshot.next();
    await engine.commit([], [{ ...row, bytes: undefined }], signal);
    let isPurged = false;
    const purged = engine.purge(signal).then(() => isPurged = true);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.ok(!isPurged, "a reader of the old state is in the way");
    assert.equal((await engine.get([row], signal))[0], undefined, "the engine answers meanwhile");
    await snapshot.return?.();
    await purged;
    assert.ok(!await isThere());
  });
});

Deno.test("transactions that wait at the same time share a sync of the disk", async () => {
  await inFolder(async (folder) => {
    await using engine = await open(`${folder}/store.db`);
    const each = async (count: number, together: boolean) => {
      const start = performance.now();
      for (let index = 0; index < count; index += together ? 64 : 1) {
        await Promise.all(Array.from({ length: together ? 64 : 1 }, (_, at) => write(engine, (index + at) % 256, 100)));
      }
      return (performance.now() - start) / count;
    };
    await each(8, false);
    const [alone, shared] = [await each(64, false), await each(640, true)];
    assert.ok(shared < alone / 2, `${shared} ms each together, ${alone} ms alone`);
  });
});

Deno.test("placeStore() refuses a store whose log is not empty, and leaves no empty log behind", async () => {
  await inFolder(async (folder) => {
    const [made, path] = [await madeStore(folder, 1), `${folder}/placed.db`];
    await Deno.writeFile(`${made}-wal`, new Uint8Array(1));
    await assert.rejects(placeStore(made, path), {
      message: `Cannot open the store at "${path}": its log could not be emptied; try again.`,
    });
    await Deno.truncate(`${made}-wal`);
    await placeStore(made, path);
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
    assert.deepEqual(names.sort(), ["placed.db", "store.db.lock"]);
    await using engine = await open(path, false);
    assert.equal((await engine.scan({ table: "value", prefix: new Uint8Array(), limit: 9 }, signal)).length, 1);
  });
});

Deno.test("a closed engine refuses, and its lock is free", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/store.db`;
    const engine = await open(path);
    const watch = engine.watch("value", signal);
    await engine[Symbol.asyncDispose]();
    await engine[Symbol.asyncDispose]();
    const message = `Cannot write to the store at "${path}": it is closed.`;
    await assert.rejects(write(engine, 1, 1), { message });
    await assert.rejects(Array.fromAsync(watch), /it is closed/);
    await using again = await open(path);
    assert.equal(again.kind, "embedded");
  });
});
