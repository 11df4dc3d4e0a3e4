/**
 * The engine on a real etcd: the tests of every engine, faults, and servers side by side.
 *
 * @module
 */
import assert from "node:assert/strict";
import { base64, utf8 } from "../../lib/base/bytes.ts";
import { systemClock } from "../../lib/base/clock.ts";
import { EtcdClient } from "../../lib/net/etcd/etcd_client.ts";
import { backupOf, fileChunks, restoreRows, writeBackupFile } from "../../lib/services/keyring/backup/backup.ts";
import type { Engine } from "../../lib/services/keyring/engine/engine.ts";
import { openEtcdEngine, restoreEtcdStore } from "../../lib/services/keyring/engine/etcd_engine.ts";
import { testEngine } from "../support/engine_suite.ts";
import { fixedSecret, startCluster } from "../support/etcd.ts";

const { signal } = new AbortController();

testEngine("openEtcdEngine()", async () => {
  const etcd = await startCluster();
  const clients = await Promise.all([1, 2].map(() => EtcdClient.open(etcd.settings, systemClock, () => {})));
  const engines = [];
  for (const client of clients) {
    engines.push(await openEtcdEngine({ client, prefix: "/keyring/", clock: systemClock, create: true }, signal));
  }
  const [engine, other] = engines;
  if (engine === undefined || other === undefined) throw new Error("two engines are open");
  return {
    engine,
    other,
    async [Symbol.asyncDispose]() {
      await Promise.all([engine, other].map((one) => one[Symbol.asyncDispose]()));
      clients.forEach((client) => client[Symbol.dispose]());
      await etcd[Symbol.asyncDispose]();
    },
  };
}, 8);

Deno.test("a store in etcd is restored from a backup, and a restore that ends early leaves a store that is refused", async () => {
  await using etcd = await startCluster();
  using client = await EtcdClient.open(etcd.settings, systemClock, () => {});
  const options = { client, clock: systemClock };
  await using engine = await openEtcdEngine({ ...options, prefix: "/from/", create: true }, signal);
  for (let index = 0; index < 120; index++) {
    await engine.commit(
      [],
      [{ table: "value", key: Uint8Array.of(index), bytes: new Uint8Array(index * 500) }],
      signal,
    );
  }
  const file = `${etcd.folder}/backup`;
  const written = await writeBackupFile(file, backupOf(engine, systemClock, signal));
  const restore = (prefix: string, chunks = fileChunks(file)) =>
    restoreEtcdStore({ ...options, prefix }, engine.storeId, (to) => restoreRows(to, chunks, signal), signal);
  assert.deepEqual(await restore("/to/"), written);
  await using restored = await openEtcdEngine({ ...options, prefix: "/to/", create: false }, signal);
  assert.deepEqual(restored.storeId, engine.storeId);
  const rowsOf = async (of: typeof engine) =>
    (await Array.fromAsync(of.snapshot(signal))).flat().map(({ table, key, bytes }) => ({ table, key, bytes }));
  assert.deepEqual(await rowsOf(restored), await rowsOf(engine));
  await assert.rejects(restore("/to/"), { code: "exists", message: /there are keys; remove them first/ });
  await Deno.truncate(file, 100_000);
  await assert.rejects(restore("/half/"), { code: "integrity" });
  await assert.rejects(openEtcdEngine({ ...options, prefix: "/half/", create: true }, signal), {
    message: /a restore into it was not finished; remove its keys/,
  });
});

Deno.test("a user that is limited to the prefix has a whole store there, and reads nothing beside it", async () => {
  await using etcd = await startCluster();
  const put = (key: string) => etcd.api("/v3/kv/put", { key: base64(utf8(key)), value: base64(utf8("x")) });
  await put("/registry/secrets/a/b");
  for (const name of ["root", "store"]) {
    await etcd.api("/v3/auth/user/add", { name, password: name });
    await etcd.api("/v3/auth/role/add", { name });
    await etcd.api("/v3/auth/user/grant", { user: name, role: name });
  }
  const [key, range_end] = ["/keyring/", "/keyring0"].map((text) => base64(utf8(text)));
  await etcd.api("/v3/auth/role/grant", { name: "store", perm: { permType: "READWRITE", key, range_end } });
  await etcd.api("/v3/auth/enable", {});

  const user = { name: "store", password: fixedSecret("store") };
  using client = await EtcdClient.open({ ...etcd.nameless, user }, systemClock, () => {});
  const warnings: string[] = [];
  const notify = (event: object) => void warnings.push(JSON.stringify(event));
  const options = { client, clock: systemClock, notify, create: true };
  await using engine = await openEtcdEngine({ ...options, prefix: "/keyring/" }, signal);
  const row = { table: "value", key: Uint8Array.of(1), bytes: utf8("a") } as const;
  const watched = engine.watch("value", signal)[Symbol.asyncIterator]();
  const first = watched.next();
  assert.equal(await engine.commit([], [row], signal), true);
  await first;
  const { table, key: at } = row;
  assert.equal(await engine.commit([{ table, key: at, version: "absent" }], [row], signal), false, "it is there");
  const { length } = (await Array.fromAsync(engine.snapshot(signal))).flat();
  assert.equal(length, 1);
  assert.deepEqual(await Array.fromAsync(fileChunks(await backed(engine, etcd.folder)), ({ length }) => length > 0), [
    true,
  ]);
  await watched.return?.();
  assert.deepEqual(warnings, [], "an API server's etcd is no danger for this user");
  await assert.rejects(openEtcdEngine({ ...options, prefix: "/other/" }, signal), {
    code: "store_unavailable",
    message: /grant its role readwrite on the prefix/,
  });
});

async function backed(engine: Engine, folder: string): Promise<string> {
  await writeBackupFile(`${folder}/backup`, backupOf(engine, systemClock, signal));
  return `${folder}/backup`;
}
