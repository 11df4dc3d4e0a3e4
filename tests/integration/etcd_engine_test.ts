/**
 * The engine on a real etcd: the tests of every engine, faults, and servers side by side.
 *
 * @module
 */
import { systemClock } from "../../lib/base/clock.ts";
import { EtcdClient } from "../../lib/net/etcd/etcd_client.ts";
import { openEtcdEngine } from "../../lib/services/keyring/engine/etcd_engine.ts";
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
