/**
 * An API server whose plugin is away at its start. Its answers decide whether the pod of a DaemonSet comes back: kubelet
 * gets its pods from there. docs/deploy/daemonset.md names them.
 *
 * @module
 */
import { deepEqual, equal, notEqual } from "node:assert/strict";
import { join } from "node:path";
import { Cluster } from "../e2e/harness/cluster.ts";
import { Node } from "../e2e/harness/plugin.ts";
import { waitFor } from "../support/processes.ts";

/** One provider and no plain text, as at the end of an installation. */
function encryption(socket: string, resources: readonly string[]): string {
  const kms = { apiVersion: "v2", name: "trousseau", endpoint: `unix://${socket}`, timeout: "3s" };
  const apiVersion = "apiserver.config.k8s.io/v1";
  return JSON.stringify({
    apiVersion,
    kind: "EncryptionConfiguration",
    resources: [{ resources, providers: [{ kms }] }],
  });
}

const pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "trousseau", namespace: "kube-system" },
  spec: {
    nodeName: "one",
    automountServiceAccountToken: false,
    containers: [{ name: "trousseau", image: "trousseau" }],
  },
};
const paths = {
  pods: "/api/v1/pods?fieldSelector=spec.nodeName%3Done",
  node: "/api/v1/nodes/one",
  secret: "/api/v1/namespaces/default/secrets/one",
};

/** A cluster that has encrypted resources, and whose plugin has ended since. */
async function withoutPlugin(resources: readonly string[], work: (cluster: Cluster, text: string) => Promise<void>) {
  await using node = await Node.make();
  const text = encryption(node.socket, resources);
  const provider = { name: "local", kind: "local", keyFile: join(node.folder, "local.keys"), create: true };
  const plugin = await node.start({ providers: [provider] });
  try {
    await using cluster = await Cluster.start({ encryption: text });
    const objects = [{ apiVersion: "v1", kind: "Node", metadata: { name: "one" } }, pod];
    for (const object of objects) equal((await cluster.kubectl(["create", "--filename=-"], object)).code, 0);
    equal((await cluster.kubectl(["create", "secret", "generic", "one", "--from-literal=a=b"])).code, 0);
    await cluster.stopServer();
    await plugin[Symbol.asyncDispose]();
    await work(cluster, text);
  } finally {
    await plugin[Symbol.asyncDispose]();
  }
}

Deno.test("with Secrets encrypted, an API server that is not ready gives kubelet its pods", async () => {
  await withoutPlugin(["secrets", "configmaps"], async (cluster, text) => {
    const server = await cluster.startServer({ encryption: text, until: "answering" });
    await waitFor(
      "an answer to the list of pods",
      async () => (await server.request("GET", paths.pods)).status === 200,
      {
        timeoutMs: 60_000,
        alive: [server.process],
      },
    );
    const { body } = await server.request("GET", paths.pods);
    deepEqual(JSON.parse(body).items.map(({ metadata }: typeof pod) => metadata.name), ["trousseau"]);
    equal((await server.request("GET", paths.node)).status, 200);
    equal((await server.request("GET", paths.secret)).status, 500);
    equal(await server.ready(), false);
  });
});

Deno.test("with every resource encrypted, an API server gives kubelet no pod and ends", async () => {
  await withoutPlugin(["*.*"], async (cluster, text) => {
    const server = await cluster.startServer({ encryption: text, until: "answering" });
    notEqual((await server.request("GET", paths.pods)).status, 200);
    const { success } = await server.process.exited;
    equal(success, false);
  });
});
