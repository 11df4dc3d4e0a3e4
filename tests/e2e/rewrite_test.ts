/**
 * `rewrite` on a real cluster: every object ends under the new key, no value leaves the API server, and no write of others
 * is lost.
 *
 * @module
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { join } from "node:path";
import { waitFor } from "../support/processes.ts";
import type { ApiServer } from "./harness/api_server.ts";
import { Cluster } from "./harness/cluster.ts";
import { exposures } from "./harness/exposure.ts";
import { Load } from "./harness/load.ts";
import { Node } from "./harness/plugin.ts";
import { RecordingProxy } from "./harness/recording_proxy.ts";
import { makeRewriter, makeSecrets, namespaces, nextKeyId, serverOf, writeKubeconfig } from "./harness/rewrite_site.ts";
import { Updates } from "./harness/updates.ts";

function config(node: Node) {
  const keyFile = join(node.folder, "local.keys");
  return { providers: [{ name: "local", kind: "local", keyFile, create: true }], probe: { interval: "1s" } };
}

/** The fields of all Secrets, by path. */
async function secretsOf(server: ApiServer): Promise<ReadonlyMap<string, Readonly<Record<string, string>>>> {
  const { status, body } = await server.request("GET", "/api/v1/secrets");
  equal(status, 200, body);
  type Item = { metadata: { namespace: string; name: string }; data?: Record<string, string> };
  const items: Item[] = JSON.parse(body).items;
  return new Map(items.map(({ metadata: { namespace, name }, data }) => {
    const fields = Object.entries(data ?? {}).map(([field, value]) => [field, atob(value)]);
    return [`/api/v1/namespaces/${namespace}/secrets/${name}`, Object.fromEntries(fields)];
  }));
}

Deno.test("rewrite is killed twice beside other writers, and everything ends under the new key with no value on the wire", async () => {
  await using node = await Node.make();
  await using plugin = await node.start(config(node));
  const encryption = await node.encryptionConfiguration("v2");
  await using cluster = await Cluster.start();
  const token = await makeRewriter(cluster);
  for (const name of namespaces) equal((await cluster.kubectl(["create", "namespace", name])).code, 0);
  const values = await makeSecrets(cluster, "plain", 20);
  let keyId = await nextKeyId(plugin, "");
  for (const generation of ["first", "second"]) {
    await cluster.stopServer();
    await cluster.startServer({ encryption });
    for (const [path, value] of await makeSecrets(cluster, generation, 20)) values.set(path, value);
    const { code, stderr } = await node.command("keys", "rotate", "--config", plugin.config);
    equal(code, 0, stderr);
    keyId = await nextKeyId(plugin, keyId);
  }
  const { server, ca } = await serverOf(cluster);
  await using proxy = await RecordingProxy.to(server, ca);
  const kubeconfig = await writeKubeconfig(node, proxy.address, proxy.authority.certificate, token);
  const folder = join(node.folder, "rewrite");
  const args = [
    "rewrite",
    "--kubeconfig",
    kubeconfig,
    "--resources",
    "secrets",
    "--socket",
    node.socket,
    "--state",
    folder,
  ];

  const early = await node.command(...args, "--timeout", "1s");
  equal(early.code, 69, early.stderr);
  match(early.stderr, /^trousseau: Cannot rewrite: the newest Status of apiserver-\S+ .*does not have key ID/m);
  const counted = await node.command(...args, "--dry-run", "--json");
  equal(counted.code, 0, counted.stderr);
  deepEqual(JSON.parse(counted.stdout).resources, [{ resource: "secrets", objects: values.size, unlisted: [] }]);

  await cluster.stopServer();
  await cluster.startServer({ encryption });
  const load = new Load(cluster.server, "load", { writers: 1, pauseMs: 200 });
  const counter = "/api/v1/namespaces/c/secrets/plain-1";
  await using updates = new Updates(cluster.server, counter);
  let cursor = "";
  for (let kill = 0; kill < 2; kill++) {
    await using run = node.process(...args, "--rate", "40");
    const { value } = await waitFor("progress", async () => {
      const state = await Deno.readTextFile(join(folder, "rewrite.json")).catch(() => "{}");
      const at = JSON.stringify(JSON.parse(state).cursor ?? "");
      return at !== cursor && at !== '""' ? at : undefined;
    }, { timeoutMs: 60_000, everyMs: 20, alive: [run] });
    Deno.kill(run.pid, "SIGKILL");
    equal((await run.exited).signal, "SIGKILL");
    cursor = value ?? "";
  }
  const done = await node.command(...args, "--json");
  equal(done.code, 0, done.stdout + done.stderr);
  const report = JSON.parse(done.stdout);
  equal(report.resumed, true);
  equal(report.keyId, keyId);
  equal(report.refusals.length, 0);
  deepEqual(report.apiServers.map(({ state }: { state: string }) => state), ["ready"]);
  ok(report.resources[0].written >= values.size / 2, done.stdout);
  equal(await Deno.stat(join(folder, "rewrite.json")).catch(() => undefined), undefined);

  await updates.end();
  const { lost, written, failures } = await load.stop();
  deepEqual([lost, failures], [0, []]);
  const found = await secretsOf(cluster.server);
  equal(found.get(counter)?.["counter"], `${updates.stored}`);
  for (const [name, value] of written) {
    equal(found.get(`/api/v1/namespaces/default/secrets/${name}`)?.["value"], value, name);
  }
  for (const [path, value] of values) equal(found.get(path)?.["value"], value, path);
  const verify = ["verify", "--etcd", cluster.etcd.url, "--resources", "secrets", "--expect-key-id", keyId, "--json"];
  const verified = await node.command(...verify);
  equal(verified.code, 0, verified.stdout + verified.stderr);

  const { recorded } = proxy;
  ok(recorded.length > values.size);
  ok(exposures(recorded, "plain-1").length > 0, "the proxy records names");
  for (const value of ["canary", ...values.values()].slice(0, 50)) deepEqual(exposures(recorded, value), []);

  const again = await node.command(...args, "--json");
  equal(again.code, 0, again.stderr);
  equal(JSON.parse(again.stdout).resources[0].written, 0);
});
