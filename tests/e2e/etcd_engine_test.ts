/**
 * The engine on a real etcd: the tests of every engine, faults, and servers side by side.
 *
 * @module
 */
import assert from "node:assert/strict";
import { systemClock } from "../../lib/base/clock.ts";
import { EtcdClient } from "../../lib/net/etcd/etcd_client.ts";
import { backupOf, fileChunks, restoreRows, writeBackupFile } from "../../lib/services/keyring/backup/backup.ts";
import { openEtcdEngine, restoreEtcdStore } from "../../lib/services/keyring/engine/etcd_engine.ts";
import { testEngine } from "../support/engine_suite.ts";
import { startCluster } from "../support/etcd.ts";

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
