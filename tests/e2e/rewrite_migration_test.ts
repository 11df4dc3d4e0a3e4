/**
 * `rewrite --by migration` with the real kube-controller-manager: every object ends under the new key, by an account that
 * may not list them; a migration that is made too early changes nothing, and the command makes none.
 *
 * @module
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { hasKeyId, readKeyIdMetrics } from "../../lib/cluster/rewrite/key_id_metrics.ts";
import { type Process, waitFor } from "../support/processes.ts";
import { Cluster } from "./harness/cluster.ts";
import { migrationFlags, startMigrator } from "./harness/controller_manager.ts";
import { Node } from "./harness/plugin.ts";
import { Updates } from "./harness/updates.ts";
import { makeRewriter, makeSecrets, namespaces, nextKeyId, serverOf, writeKubeconfig } from "./harness/rewrite_site.ts";

/**
 * The Secret that is written all the time: the migrator begins when it has seen a write of the resource, or a bookmark of
 * the API server, which comes once a minute.
 */
const updated = "/api/v1/namespaces/c/secrets/first-0";

const migrations = "/apis/storagemigration.k8s.io/v1beta1/storageversionmigrations";

/** Whether the API server encrypts under a key ID, or has at least heard of it. */
async function knows(cluster: Cluster, keyId: string): Promise<boolean> {
  const { body } = await cluster.server.request("GET", "/metrics");
  const lines = async function* () {
    yield* body.split("\n");
  };
  return hasKeyId(await readKeyIdMetrics(lines()), keyId);
}

/** Makes a migration of Secrets by hand, and waits for its success. */
async function migrateByHand(cluster: Cluster, migrator: Process, name: string): Promise<void> {
  const { status, body } = await cluster.server.request("POST", migrations, {
    apiVersion: "storagemigration.k8s.io/v1beta1",
    kind: "StorageVersionMigration",
    metadata: { name },
    spec: { resource: { group: "", resource: "secrets" } },
  });
  equal(status, 201, body);
  await waitFor("a migration by hand", async () => {
    const { status: conditions } = JSON.parse((await cluster.server.request("GET", `${migrations}/${name}`)).body);
    return JSON.stringify(conditions).includes("StorageVersionMigrationSucceeded");
  }, { timeoutMs: 180_000, everyMs: 200, alive: [migrator] });
}

async function namesOfMigrations(cluster: Cluster): Promise<readonly string[]> {
  const { items }: { items: { metadata: { name: string } }[] } = JSON.parse(
    (await cluster.server.request("GET", migrations)).body,
  );
  return items.map(({ metadata: { name } }) => name);
}

Deno.test("rewrite --by migration waits for the key ID, goes on after a kill, and leaves nothing stale and no migration", async () => {
  await using node = await Node.make();
  await using plugin = await node.start({
    providers: [{ name: "local", kind: "local", keyFile: `${node.folder}/local.keys`, create: true }],
    probe: { interval: "1s" },
  });
  const encryption = await node.encryptionConfiguration("v2");
  await using cluster = await Cluster.start({ encryption, flags: migrationFlags });
  const token = await makeRewriter(cluster, "migration");
  for (const name of namespaces) equal((await cluster.kubectl(["create", "namespace", name])).code, 0);
  const values = await makeSecrets(cluster, "first", 8);
  let keyId = await nextKeyId(plugin, "");
  const stale = async (): Promise<number> => {
    const verify = ["verify", "--etcd", cluster.etcd.url, "--resources", "secrets", "--json"];
    const rows: { keyId: string | null; objects: number }[] = JSON.parse((await node.command(...verify)).stdout).rows;
    return rows.filter((row) => row.keyId !== keyId).reduce((sum, { objects }) => sum + objects, 0);
  };

  const { server, ca } = await serverOf(cluster);
  const kubeconfig = await writeKubeconfig(node, server, ca, token);
  const args = ["rewrite", "--by", "migration", "--kubeconfig", kubeconfig, "--resources", "secrets"];
  const run = [...args, "--socket", node.socket, "--etcd", cluster.etcd.url, "--json"];

  const early: string[] = [];
  {
    await using _updates = new Updates(cluster.server, updated, 300);
    await using migrator = await startMigrator(cluster);
    await migrateByHand(cluster, migrator, "first");
    for (let isEarly = false; !isEarly;) {
      ok(early.length < 3, "an API server asks for the Status once a minute");
      const { code, stderr } = await node.command("keys", "rotate", "--config", plugin.config);
      equal(code, 0, stderr);
      keyId = await nextKeyId(plugin, keyId);
      early.push(`early-${early.length}`);
      await migrateByHand(cluster, migrator, early.at(-1) ?? "");
      const count = await stale();
      const behind = await node.command(...run, "--timeout", "1ms");
      // Otherwise the API server has just asked for the Status, and does not again for a minute.
      isEarly = !await knows(cluster, keyId);
      if (!isEarly) continue;
      equal(count, values.size, "the migration succeeded and changed nothing");
      equal(behind.code, 69, behind.stderr);
      match(behind.stderr, /does not have key ID/);
    }
  }
  deepEqual(await namesOfMigrations(cluster), [...early, "first"].toSorted(), "the command made none");

  // An API server that starts asks for the Status at once.
  await cluster.stopServer();
  await cluster.startServer({ encryption, flags: migrationFlags });
  {
    await using killed = node.process(...run);
    await waitFor(
      "migrations",
      async () => (await namesOfMigrations(cluster)).includes("trousseau-rewrite-secrets"),
      {
        timeoutMs: 150_000,
        everyMs: 100,
        alive: [killed],
      },
    );
    Deno.kill(killed.pid, "SIGKILL");
    await killed.exited;
  }
  await using resumed = node.process(...run);
  const waits = () => Promise.resolve(/0 of 1 migrations have ended, waiting: secrets/.test(resumed.output));
  await waitFor("a run that waits for the controller", waits, { timeoutMs: 60_000, alive: [resumed] });
  await using updates = new Updates(cluster.server, updated, 300);
  await using _migrator = await startMigrator(cluster);
  const { code } = await resumed.exited;
  equal(code, 0, resumed.output);
  const report = JSON.parse(/^\{.*\}$/m.exec(resumed.output)?.[0] ?? "{}");
  deepEqual([report.resumed, report.keyId, report.counted.stale], [true, keyId, 0]);
  deepEqual(report.migrations.map(({ state }: { state: string }) => state), ["succeeded"]);
  equal(await stale(), 0);
  deepEqual(await namesOfMigrations(cluster), [...early, "first"].toSorted());
  await updates.end();
  for (const path of [updated, "/api/v1/namespaces/d/secrets/first-3"]) {
    const { body } = await cluster.server.request("GET", path);
    const { data } = JSON.parse(body);
    equal(atob(data.value), values.get(path));
    if (path === updated) equal(atob(data.counter), `${updates.stored}`);
  }
});
