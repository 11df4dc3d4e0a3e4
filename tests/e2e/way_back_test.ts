/**
 * The way back that `docs/migrate.md` describes, on the real API server: from Trousseau to plain text, and from Trousseau
 * to the provider that the cluster had before.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { startApiServer } from "./harness/api_server.ts";
import { Cluster } from "./harness/cluster.ts";
import { readSecret, writeSecret } from "./harness/load.ts";
import { Node } from "./harness/plugin.ts";
import { setUp } from "./harness/providers.ts";

const ours = "k8s:enc:kms:v2:trousseau:";

/** The first characters of each Secret's value in etcd, by name. */
async function stored(cluster: Cluster): Promise<ReadonlyMap<string, string>> {
  const folder = "/registry/secrets/default/";
  const entries = (await cluster.etcd.entries()).filter(({ key }) => key.startsWith(folder));
  return new Map(entries.map(({ key, value }) => [
    key.slice(folder.length),
    Buffer.from(value).toString("latin1").slice(0, 40),
  ]));
}

async function assertStored(cluster: Cluster, prefix: string, names: readonly string[]): Promise<void> {
  const found = await stored(cluster);
  for (const name of names) assert.ok(found.get(name)?.startsWith(prefix), `${name}: ${found.get(name)}`);
}

/** The EncryptionConfiguration that the program prints. */
async function printed(node: Node, ...options: string[]): Promise<string> {
  const { code, stdout, stderr } = await node.command("encryption-config", "--socket", node.socket, ...options);
  assert.equal(code, 0, stderr);
  return stdout;
}

async function restart(cluster: Cluster, encryption?: string): Promise<void> {
  await cluster.stopServer();
  await cluster.startServer(encryption === undefined ? {} : { encryption });
}

async function rewrite(cluster: Cluster): Promise<void> {
  const { stdout } = await cluster.kubectl(["get", "secrets", "--all-namespaces", "-o", "json"]);
  const replaced = await cluster.kubectl(["replace", "-f", "-"], stdout);
  assert.equal(replaced.code, 0, replaced.stderr);
}

/** The status with which another control plane node, which still has this file, answers a GET of a Secret. */
async function statusBeside(cluster: Cluster, encryption: string, name: string): Promise<number> {
  const folder = await Deno.makeTempDir({ prefix: "trousseau-e2e-second-" });
  try {
    // With a Secret that it cannot read it does not become ready.
    await using second = await startApiServer({ etcd: cluster.etcd, folder, encryption, until: "answering" });
    return (await second.request("GET", `/api/v1/namespaces/default/secrets/${name}`)).status;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the way back to plain text reads everything at each step and ends without the plugin", async () => {
  await using node = await Node.make();
  await using providers = await setUp("local", node);
  const file = (identity: string) => printed(node, "--identity", identity, "--resources", "secrets");
  const [none, last, first] = await Promise.all(["none", "last", "first"].map(file));
  assert.ok(none !== undefined && last !== undefined && first !== undefined);
  {
    await using plugin = await node.start({ providers: providers.entries });
    await using cluster = await Cluster.start({ encryption: none });
    assert.equal(await writeSecret(cluster.server, "old", "old"), 201);
    await assertStored(cluster, ours, ["old"]);

    await restart(cluster, last);
    assert.equal(await readSecret(cluster.server, "old"), "old");

    await restart(cluster, first);
    assert.equal(await writeSecret(cluster.server, "new", "new"), 201);
    assert.equal(await readSecret(cluster.server, "old"), "old");
    assert.doesNotMatch((await stored(cluster)).get("new") ?? "k8s:enc:", /^k8s:enc:/);
    assert.equal(await statusBeside(cluster, last, "new"), 200, "a node with the file of step 1 reads plain text");
    assert.equal(await statusBeside(cluster, none, "new"), 500, "a node without step 1 does not");

    await rewrite(cluster);
    for (const [name, start] of await stored(cluster)) assert.doesNotMatch(start, /^k8s:enc:/, name);

    await plugin.process.stop();
    await restart(cluster);
    for (const name of ["old", "new"]) assert.equal(await readSecret(cluster.server, name), name);
  }
});

Deno.test("--stage read from the file of --stage write returns to the earlier provider", async () => {
  await using node = await Node.make();
  await using providers = await setUp("local", node);
  await using _plugin = await node.start({ providers: providers.entries });
  const secret = randomBytes(32).toString("base64");
  const before = JSON.stringify({
    kind: "EncryptionConfiguration",
    apiVersion: "apiserver.config.k8s.io/v1",
    resources: [{
      resources: ["secrets"],
      providers: [{ secretbox: { keys: [{ name: "key1", secret }] } }, { identity: {} }],
    }],
  });
  const from = await node.write("first", before);
  const write = await node.write("write.yaml", await printed(node, "--from", from, "--stage", "write"));
  await using cluster = await Cluster.start({ encryption: await Deno.readTextFile(write) });
  assert.equal(await writeSecret(cluster.server, "moved", "moved"), 201);
  await assertStored(cluster, ours, ["moved"]);

  await restart(cluster, await printed(node, "--from", write, "--stage", "read"));
  assert.equal(await readSecret(cluster.server, "moved"), "moved");
  await rewrite(cluster);
  await assertStored(cluster, "k8s:enc:secretbox:v1:key1:", ["moved"]);

  await restart(cluster, before);
  assert.equal(await readSecret(cluster.server, "moved"), "moved");
});
