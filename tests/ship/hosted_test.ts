/**
 * A hosted control plane with the files of the chart: the program with its arguments, and a kube-apiserver beside it.
 *
 * @module
 */
import { equal, ok } from "node:assert/strict";
import { join } from "node:path";
import { parse, parseAllDocuments, stringify } from "yaml";
import { Cluster } from "../e2e/harness/cluster.ts";
import { Node } from "../e2e/harness/plugin.ts";
import { freePort, waitFor } from "../support/processes.ts";
import { toolOutput } from "./validation.ts";

const chart = new URL("../../deploy/helm/trousseau", import.meta.url).pathname;

interface ConfigMap {
  readonly kind: string;
  readonly data?: Readonly<Record<string, string>>;
}

/** The files of the chart's two ConfigMaps, by their names. */
async function chartFiles(node: Node): Promise<Readonly<Record<string, string>>> {
  const keyFile = join(node.folder, "local.keys");
  const providers = [{ name: "local", kind: "local", keyFile, create: true }];
  const values = await node.write("values.yaml", stringify({ mode: "hosted", hosted: { config: { providers } } }));
  const text = await toolOutput("helm", ["template", "one", chart, "--namespace", "tenant", "--values", values]);
  const manifests: readonly ConfigMap[] = parseAllDocuments(text).map((document) => document.toJS());
  return Object.assign({}, ...manifests.filter(({ kind }) => kind === "ConfigMap").map(({ data }) => data));
}

/** In a pod each of these paths is a mount; here they are folders of the test. */
function placedIn(text: string, node: Node, port: number): string {
  return text.replaceAll("/run/trousseau/kms.sock", node.socket)
    .replace("/var/lib/trousseau", join(node.folder, "state"))
    .replace("0.0.0.0:8090", `0.0.0.0:${port}`);
}

Deno.test("the chart's files and the sidecar's arguments make a control plane that encrypts", async () => {
  await using node = await Node.make();
  const files = await chartFiles(node);
  const port = freePort();
  const config = await node.write("trousseau.yaml", placedIn(files["trousseau.yaml"] ?? "", node, port));
  equal(parse(files["trousseau.yaml"] ?? "").socket.path, "/run/trousseau/kms.sock");
  await using plugin = node.process("serve", "--config", config, "--in-cluster", "other-cluster");
  const alive = { timeoutMs: 60_000, alive: [plugin] };
  // As kubelet's startup probe does.
  await waitFor("/livez", async () => {
    const response = await fetch(`http://127.0.0.1:${port}/livez`);
    await response.body?.cancel();
    return response.ok;
  }, alive);
  await using cluster = await Cluster.start({ encryption: placedIn(files["config.yaml"] ?? "", node, port) });
  equal((await cluster.kubectl(["create", "secret", "generic", "one", "--from-literal=word=visible"])).code, 0);
  const stored = (await cluster.etcd.entries()).find(({ key }) => key === "/registry/secrets/default/one");
  const text = new TextDecoder("latin1").decode(stored?.value);
  ok(text.startsWith("k8s:enc:kms:v2:trousseau:"), text.slice(0, 40));
  ok(!text.includes("visible"));
});
