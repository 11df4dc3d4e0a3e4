/**
 * `encryption-config` with the real API server: a cluster that encrypts already moves stage by stage, and the
 * statements about lists of resources hold.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import { builtInResources } from "../../lib/config/encryption/resources.ts";
import { listMistakes, maskedNames } from "../../lib/config/encryption/rules.ts";
import { discoverResources } from "../../lib/cli/trousseau/encryption_discovery.ts";
import { waitFor } from "../support/processes.ts";
import { startApiServer } from "./harness/api_server.ts";
import { Cluster } from "./harness/cluster.ts";
import { startEtcd } from "./harness/etcd.ts";
import { printFigure, seconds } from "./harness/figures.ts";
import { readSecret, writeSecret } from "./harness/load.ts";
import { Node } from "./harness/plugin.ts";
import { setUp } from "./harness/providers.ts";

const stages = ["read", "write", "final"] as const;

/** An EncryptionConfiguration of Secrets, as JSON on one line, which is how k3s writes it. */
function asJson(...providers: readonly unknown[]): string {
  const resources = [{ resources: ["secrets"], providers }];
  return JSON.stringify({ kind: "EncryptionConfiguration", apiVersion: "apiserver.config.k8s.io/v1", resources });
}

function keyProvider(kind: "aescbc" | "aesgcm" | "secretbox"): unknown {
  return { [kind]: { keys: [{ name: "key1", secret: randomBytes(32).toString("base64") }] } };
}

/** The first characters of a Secret's value in etcd. */
async function stored(cluster: Cluster, name: string): Promise<string> {
  const entry = (await cluster.etcd.entries()).find(({ key }) => key === `/registry/secrets/default/${name}`);
  assert.ok(entry, `${name} is not in etcd`);
  return Buffer.from(entry.value).toString("latin1").slice(0, 40);
}

/** The output of one stage, written beside its input. */
async function staged(node: Node, from: string, stage: string, ...more: string[]): Promise<string> {
  const args = ["encryption-config", "--from", from, "--stage", stage, "--socket", node.socket, ...more];
  const { code, stdout, stderr } = await node.command(...args);
  assert.equal(code, 0, stderr);
  return await node.write(`${stage}.yaml`, stdout);
}

/** Goes through all stages, each from the file of the one before; `before` is the prefix of the values until then. */
async function moves(node: Node, cluster: Cluster, first: string, before: string, apply: Apply): Promise<void> {
  const written = new Map([["before", "before"]]);
  assert.equal(await writeSecret(cluster.server, "before", "before"), 201);
  let file = await node.write("first", first);
  for (const stage of stages) {
    const previous = await Deno.readTextFile(file);
    file = await staged(node, file, stage);
    await apply(await Deno.readTextFile(file), stage);
    assert.equal(await writeSecret(cluster.server, `in-${stage}`, stage), 201);
    written.set(`in-${stage}`, stage);
    for (const [name, value] of written) {
      assert.equal(await readSecret(cluster.server, name), value, `${name}: ${stage}`);
    }
    const prefix = stage === "read" ? before : "k8s:enc:kms:v2:trousseau:";
    assert.ok((await stored(cluster, `in-${stage}`)).startsWith(prefix), `in-${stage} does not begin with ${prefix}`);
    if (stage === "write") {
      await assertReadableBeside(cluster, previous, written);
      await rewrite(cluster);
      for (const name of written.keys()) assert.ok((await stored(cluster, name)).startsWith(prefix), name);
    }
  }
}

/** Makes the API server use a file. */
type Apply = (encryption: string, stage: (typeof stages)[number]) => Promise<void>;

async function restart(cluster: Cluster, encryption: string, flags: readonly string[] = []): Promise<void> {
  await cluster.stopServer();
  await cluster.startServer({ encryption, flags });
}

/** Another control plane node, which has the file of the stage before still. */
async function assertReadableBeside(cluster: Cluster, encryption: string, written: ReadonlyMap<string, string>) {
  const folder = await Deno.makeTempDir({ prefix: "trousseau-e2e-second-" });
  try {
    await using second = await startApiServer({ etcd: cluster.etcd, folder, encryption });
    for (const [name, value] of written) assert.equal(await readSecret(second, name), value, name);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function rewrite(cluster: Cluster): Promise<void> {
  const { stdout } = await cluster.kubectl(["get", "secrets", "-A", "-o", "json"]);
  const replaced = await cluster.kubectl(["replace", "-f", "-"], stdout);
  assert.equal(replaced.code, 0, replaced.stderr);
}

for (const kind of ["aescbc", "aesgcm", "secretbox"] as const) {
  Deno.test(`a cluster with ${kind} moves by --stage read, write and final, and reads everything at each`, async () => {
    await using node = await Node.make();
    await using providers = await setUp("local", node);
    await using _plugin = await node.start({ providers: providers.entries });
    const first = asJson(keyProvider(kind), { identity: {} });
    await using cluster = await Cluster.start({ encryption: first });
    await moves(node, cluster, first, `k8s:enc:${kind}:v1:key1:`, (encryption) => restart(cluster, encryption));
  });
}

Deno.test("a cluster with another KMS plugin moves with two kms entries, and starts to write under automatic reload", async () => {
  await using other = await Node.make();
  await using otherProviders = await setUp("local", other);
  await using _other = await other.start({ providers: otherProviders.entries });
  await using node = await Node.make();
  await using providers = await setUp("local", node);
  await using _plugin = await node.start({ providers: providers.entries });
  const kms = { apiVersion: "v2", name: "other", endpoint: `unix://${other.socket}`, timeout: "3s" };
  const first = asJson({ kms }, { identity: {} });
  const flags = ["--encryption-provider-config-automatic-reload=true"];
  await using cluster = await Cluster.start({ encryption: first, flags });
  await moves(node, cluster, first, "k8s:enc:kms:v2:other:", async (encryption, stage) => {
    if (stage !== "write") return await restart(cluster, encryption, flags);
    const { pid } = cluster.server.process;
    const before = await reloads(cluster);
    await Deno.writeTextFile(join(dirname(cluster.server.kubeconfig), "encryption.yaml"), encryption);
    const { ms } = await waitFor("the reload", async () => await reloads(cluster) > before, {
      timeoutMs: 180_000,
      everyMs: 500,
    });
    printFigure("automatic reload of an EncryptionConfiguration", seconds(ms));
    assert.equal(cluster.server.process.pid, pid);
  });
});

/** How often the API server has taken a changed file. */
async function reloads(cluster: Cluster): Promise<number> {
  const { body } = await cluster.server.request("GET", "/metrics");
  const name = "apiserver_encryption_config_controller_automatic_reloads_total";
  const line = body.split("\n").find((line) => line.startsWith(name) && line.includes('status="success"'));
  return Number(line?.split(" ").at(-1) ?? 0);
}

/** Lists of lists that the API server refuses, each with the words that it gives as the reason. */
const refused = [
  { lists: [["*.*", "secrets"]], reason: /overlapping resources/ },
  { lists: [["deployments.apps", "*.apps"]], reason: /overlapping resources/ },
  { lists: [["events.events.k8s.io"]], reason: /events\.k8s\.io/ },
  { lists: [["ingresses.extensions"]], reason: /'extensions' group has been removed/ },
  { lists: [["secrets", "secrets."]], reason: /cannot be specified multiple times/ },
  { lists: [["secrets.*"]], reason: /across groups/ },
  { lists: [["*."], ["secrets"]], reason: /masked by earlier rule/ },
] as const;

Deno.test("the API server refuses the lists that are refused here", async () => {
  const folder = await Deno.makeTempDir({ prefix: "trousseau-e2e-" });
  try {
    await using etcd = await startEtcd(join(folder, "etcd"));
    for (const { lists, reason } of refused) {
      assert.ok([...lists.flatMap(listMistakes), ...maskedNames(lists)].length > 0, lists.join(" | "));
      const resources = lists.map((resources) => ({ resources, providers: [{ identity: {} }] }));
      const encryption = JSON.stringify({
        kind: "EncryptionConfiguration",
        apiVersion: "apiserver.config.k8s.io/v1",
        resources,
      });
      await assert.rejects(startApiServer({ etcd, folder: join(folder, "server"), encryption }), reason);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the API server accepts the names that Trousseau warns of, and stores plain text", async () => {
  await using node = await Node.make();
  await using providers = await setUp("local", node);
  await using _plugin = await node.start({ providers: providers.entries });
  const names = ["secretz", "deployments", "secrets.v1", "widgets.example.com"];
  const asked = ["encryption-config", "--socket", node.socket, "--resources", names.join()];
  const { code, stdout, stderr } = await node.command(...asked);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /"secretz" encrypts nothing.*"secrets"\?/);
  assert.match(stderr, /"deployments" encrypts nothing.*"deployments\.apps"\?/);
  assert.match(stderr, /"secrets\.v1" encrypts nothing.*"secrets"\?/);
  await using cluster = await Cluster.start({ encryption: stdout });
  assert.equal(await writeSecret(cluster.server, "plain", "plain"), 201);
  assert.doesNotMatch(await stored(cluster, "plain"), /^k8s:enc:/);

  // The cluster knows its custom resources, and nothing else does.
  const widget = { plural: "widgets", singular: "widget", kind: "Widget" };
  assert.equal(await makeCustomResource(cluster, widget), 201);
  await waitFor("the custom resource in discovery", async () => {
    return (await cluster.server.request("GET", "/apis/example.com/v1")).status === 200;
  }, { timeoutMs: 60_000 });
  const informed = await node.command(...asked, "--kubeconfig", cluster.server.kubeconfig);
  assert.equal(informed.code, 0, informed.stderr);
  assert.doesNotMatch(informed.stderr, /widgets/);
  assert.match(informed.stderr, /"secretz" encrypts nothing: the cluster has no such resource/);
  const slip = ["encryption-config", "--socket", node.socket, "--resources", "widget.example.com"];
  assert.match(
    (await node.command(...slip, "--kubeconfig", cluster.server.kubeconfig)).stderr,
    /"widget\.example\.com" encrypts nothing.*"widgets\.example\.com"\?/,
  );
});

async function makeCustomResource(cluster: Cluster, names: { plural: string; kind: string; singular: string }) {
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  const versions = [{ name: "v1", served: true, storage: true, schema }];
  const definition = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${names.plural}.example.com` },
    spec: { group: "example.com", scope: "Namespaced", names, versions },
  };
  const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  return (await cluster.server.request("POST", path, definition)).status;
}

Deno.test("the table of built-in resources equals the API server's discovery", async () => {
  const flags = ["--runtime-config=api/all=true", "--feature-gates=AllAlpha=true,AllBeta=true"];
  await using cluster = await Cluster.start({ flags });
  const { table } = await discoverResources(cluster.server.kubeconfig, AbortSignal.timeout(30_000));
  const sorted = (of: ReadonlyMap<string, readonly string[]>) =>
    [...of].filter(([, names]) => names.length > 0).map(([group, names]) => `${group}: ${names.toSorted().join(" ")}`)
      .sort();
  assert.deepEqual(sorted(builtInResources()), sorted(table));
});
