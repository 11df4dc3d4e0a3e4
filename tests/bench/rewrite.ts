/**
 * `trousseau rewrite` of 10,000 stale Secrets in a real cluster beside `kubectl get -o json | kubectl replace -f -`. Both
 * begin when the API server encrypts under a new key, and all Secrets are under the one before. Processor time of the
 * servers is that of one Secret; both ways read and write each once.
 *
 * @module
 */
import { equal } from "node:assert/strict";
import { join } from "node:path";
import { Cluster } from "../e2e/harness/cluster.ts";
import { Node, type Plugin } from "../e2e/harness/plugin.ts";
import { nextKeyId } from "../e2e/harness/rewrite_site.ts";
import { run } from "../support/processes.ts";
import type { Bench } from "./bench.ts";
import { processorSeconds } from "./process_figures.ts";
import { number, printTable, ratio, type Target } from "./report.ts";

const secrets = 10_000;
const namespaces = Array.from({ length: 20 }, (_, at) => `ns-${at}`);

/** Bytes of each Secret before base64. */
const valueLength = 1_000;

/** Concurrent requests while the Secrets are made. */
const width = 16;

/** Measures and prints the table; it takes some minutes. @returns the targets. */
export async function measureRewrite(_bench: Bench): Promise<Target[]> {
  await using node = await Node.make();
  const provider = { name: "local", kind: "local", keyFile: join(node.folder, "local.keys"), create: true };
  await using plugin = await node.start({ providers: [provider], probe: { interval: "1s" } });
  const encryption = await node.encryptionConfiguration("v2");
  await using cluster = await Cluster.start({ encryption });
  await makeSecrets(cluster);
  const stale = async () => {
    const before = await nextKeyId(plugin, "");
    await rotate(node, plugin, before);
    // It asks for the Status when it starts.
    await cluster.stopServer();
    await cluster.startServer({ encryption });
  };
  const rewrite = [
    ["rewrite", "--kubeconfig", cluster.server.kubeconfig, "--resources", "secrets", "--socket", node.socket],
    ["--state", join(node.folder, "rewrite"), "--rate", "100000", "--json"],
  ].flat();
  const ways = {
    "kubectl get | kubectl replace": async () => {
      const pipe = "set -o pipefail; kubectl get secrets -A -o json | kubectl replace -f - > /dev/null";
      const { code, stderr } = await run("bash", ["-c", pipe], { env: cluster.kubectlEnv });
      equal(code, 0, stderr);
    },
    "trousseau rewrite": async () => {
      const { code, stdout, stderr } = await node.command(...rewrite);
      equal(code, 0, stderr);
      equal(JSON.parse(stdout).resources[0].written >= secrets, true, stdout);
    },
  } as const;
  const costs: Cost[] = [];
  for (const work of Object.values(ways)) {
    await stale();
    costs.push(await costOf(work, [cluster.server.process.pid, cluster.etcd.process.pid, plugin.process.pid]));
  }
  const [kubectl = 0, ours = 1] = costs.map(({ seconds }) => seconds);
  await printTable(
    `${secrets} stale Secrets of ${valueLength} bytes`,
    ["way", "s", "Secrets/s", "to kubectl", "API server ms", "etcd ms", "plugin ms"],
    Object.keys(ways).map((name, at) => {
      const { seconds, processors } = costs[at] ?? { seconds: 1, processors: [] };
      const perSecret = processors.map((one) => number(one * 1_000 / secrets));
      return [name, number(seconds), number(secrets / seconds), ratio(kubectl / seconds), ...perSecret];
    }),
  );
  return [{ what: "rewrite, speed to kubectl replace", figure: kubectl / ours, unit: "x", bound: { atLeast: 5 } }];
}

/** Time of one way, and processor seconds that each server has spent. */
interface Cost {
  readonly seconds: number;
  readonly processors: readonly number[];
}

async function costOf(work: () => Promise<void>, servers: readonly number[]): Promise<Cost> {
  const before = await Promise.all(servers.map(processorSeconds));
  const begin = performance.now();
  await work();
  const seconds = (performance.now() - begin) / 1_000;
  const after = await Promise.all(servers.map(processorSeconds));
  return { seconds, processors: after.map((one, at) => one - (before[at] ?? 0)) };
}

async function makeSecrets(cluster: Cluster): Promise<void> {
  const post = async (path: string, body: unknown) => {
    const { status, body: text } = await cluster.server.request("POST", path, body);
    equal(status, 201, text);
  };
  for (const name of namespaces) {
    await post("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  }
  const value = "v".repeat(valueLength);
  const items = Array.from({ length: secrets }, (_, at) => at).values();
  await Promise.all(Array.from({ length: width }, async () => {
    for (const at of items) {
      const metadata = { name: `secret-${at}` };
      const path = `/api/v1/namespaces/${namespaces[at % namespaces.length]}/secrets`;
      await post(path, { apiVersion: "v1", kind: "Secret", metadata, stringData: { value } });
    }
  }));
}

async function rotate(node: Node, plugin: Plugin, before: string): Promise<void> {
  const { code, stderr } = await node.command("keys", "rotate", "--config", plugin.config);
  equal(code, 0, stderr);
  await nextKeyId(plugin, before);
}
