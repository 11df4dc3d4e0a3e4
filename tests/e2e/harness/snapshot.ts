/**
 * Saves snapshots of a running etcd, as `etcdctl snapshot save` does.
 *
 * @module
 */
import { systemClock } from "../../../lib/base/clock.ts";
import { EtcdClient } from "../../../lib/net/etcd/etcd_client.ts";
import { etcdSnapshot } from "../../../lib/net/etcd/etcd_maintenance.ts";

/** Saves a snapshot of an etcd to a file. */
export async function saveSnapshot(url: string, path: string): Promise<void> {
  using client = await EtcdClient.open({ endpoints: [url], tls: {} }, systemClock, () => {});
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const call = { signal: AbortSignal.timeout(60_000), action: "save a snapshot" };
  for await (const part of etcdSnapshot(client, call)) {
    for (let at = 0; at < part.length;) at += await file.write(part.subarray(at));
  }
}
