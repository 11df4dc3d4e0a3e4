/**
 * `decrypt --export` against real API servers: what a snapshot of one cluster holds is applied to an empty second one by
 * kubectl, and read back equal.
 *
 * @module
 */
import { deepEqual, equal, match } from "node:assert/strict";
import { manifestText } from "../../lib/cluster/objects/stored_object.ts";
import { run, waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { Cluster } from "./harness/cluster.ts";
import { flagsFor } from "./harness/encryption.ts";
import { Node } from "./harness/plugin.ts";
import { saveSnapshot } from "./harness/snapshot.ts";

const definition = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.e2e.example.com" },
  spec: {
    group: "e2e.example.com",
    names: { kind: "Widget", plural: "widgets", singular: "widget", listKind: "WidgetList" },
    scope: "Namespaced",
    versions: [{
      name: "v1",
      served: true,
      storage: true,
      schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
    }],
  },
};

const texts = {
  plain: "a",
  yes: "yes",
  number: "1_000",
  long: "x: |\n  #y\n".repeat(300),
  accent: "é\u2028",
};

const objects = [
  { apiVersion: "v1", kind: "Namespace", metadata: { name: "team", labels: { "pod-security": "restricted" } } },
  {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "db", namespace: "team", labels: { a: "on" }, annotations: { b: "007" } },
    stringData: { ...texts, line: "a\u0085b" },
  },
  {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "web", namespace: "default" },
    type: "kubernetes.io/basic-auth",
    data: { username: "YQ==", password: "/wA=" },
    immutable: true,
  },
  {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "settings", namespace: "team" },
    data: texts,
    binaryData: { bin: "/wA=" },
  },
  { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "lines", namespace: "team" }, data: { line: "a\u0085b" } },
  { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "robot", namespace: "team" } },
  {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: "robot-token",
      namespace: "team",
      annotations: { "kubernetes.io/service-account.name": "robot" },
    },
    type: "kubernetes.io/service-account-token",
  },
];

// Numbers as text: JavaScript has no integer of 64 bits in JSON.
const widget = '{"apiVersion":"e2e.example.com/v1","kind":"Widget","metadata":{"name":"one","namespace":"team"},' +
  '"spec":{"large":9223372036854775807,"small":-1,"fraction":0.1,"text":"1e3","flag":"no","nested":[{"a":null}]}}';

const kinds = ["secret/db", "configmap/settings", "widget/one"];

/** The objects as a cluster has them, without what each cluster sets itself. */
async function read(cluster: Cluster): Promise<readonly unknown[]> {
  const found: unknown[] = [];
  for (const args of [["-n", "team", ...kinds], ["secret/web"], ["namespace/team"]]) {
    for (const name of args.filter((word) => word.includes("/"))) {
      const scope = args[0] === "-n" ? args.slice(0, 2) : [];
      const { code, stdout, stderr } = await cluster.kubectl(["get", ...scope, name, "-o", "json"]);
      equal(code, 0, stderr);
      const exact = stdout.replace(/: (-?\d{16,})/g, ': "$1"');
      const { metadata: { name: of, namespace, labels, annotations = {} }, ...rest } = JSON.parse(exact);
      delete annotations["kubectl.kubernetes.io/last-applied-configuration"];
      found.push({ of, namespace, labels, annotations, ...rest });
    }
  }
  return found;
}

Deno.test("kubectl reads every character, and keys that YAML 1.1 takes for others, as they are in a manifest", async () => {
  const characters = Array.from({ length: 0x1_0000 }, (_, code) => String.fromCharCode(code))
    .filter((one) => one.isWellFormed());
  const keys = [
    "<<",
    "=",
    "y",
    "No",
    "0o7",
    "0x1",
    "1_000",
    ".5",
    "1e3",
    ".NaN",
    "~",
    "null",
    "2001-01-01",
    "1:30",
    "",
  ];
  const spec = {
    texts: characters.map((one) => `${one}a${one}`),
    keys: [...characters.map((one) => `${one}a${one}`), ...keys].map((key) => ({ [key]: key })),
    long: `${"x y \n\n z\t\n".repeat(50)}\u0085\u2028`,
  };
  await inFolder(async (folder) => {
    const metadata = { name: "one", annotations: { a: "b" } };
    const manifest = { apiVersion: "e.io/v1", kind: "Widget", metadata, spec };
    await Deno.writeTextFile(`${folder}/widget.yaml`, manifestText(manifest));
    // With --local it reads the file and prints it, and asks no API server.
    const words = ["annotate", "--local", "--overwrite", "-f", `${folder}/widget.yaml`, "a=b", "-o", "json"];
    const { code, stdout, stderr } = await run("kubectl", words);
    equal(code, 0, stderr);
    deepEqual(JSON.parse(stdout), manifest);
  });
});

Deno.test("manifests of a snapshot are applied to an empty cluster, and read back equal", async () => {
  await using node = await Node.make();
  const encryption = await node.encryptionConfiguration("v2");
  const snapshot = `${node.folder}/snapshot.db`;
  const providers = [{ name: "one", kind: "local", keyFile: `${node.folder}/one.keys`, create: true }];
  let before: readonly unknown[] = [];
  {
    await using _plugin = await node.start({ providers });
    await using cluster = await Cluster.start({ encryption, flags: flagsFor("v2") });
    for (const one of [...objects, definition]) equal((await cluster.kubectl(["apply", "-f", "-"], one)).stderr, "");
    await waitFor("the custom resource", async () => {
      return (await cluster.kubectl(["apply", "--server-side", "-f", "-"], widget)).code === 0;
    }, { timeoutMs: 60_000, everyMs: 500 });
    before = await read(cluster);
    await saveSnapshot(cluster.etcd.url, snapshot);
  }
  const config = await node.write("again.yaml", JSON.stringify(node.config({ providers })));
  const done = await node.command("decrypt", "--snapshot", snapshot, "--config", config, "--export");
  equal(done.code, 0, done.stderr);
  match(done.stderr, /^Exported \d+ objects: .*2 Secret.*\.\n/);
  match(done.stderr, /Left out 1 Secret with the token of a ServiceAccount:/);
  match(done.stderr, /stored as protobuf: .*1 ServiceAccount/);
  const folder = `${node.folder}/manifests`;
  await Deno.mkdir(folder);
  const extracted = await run("tar", ["-x", "-C", folder, "-f", "-"], { stdin: done.stdout });
  deepEqual([extracted.code, extracted.stderr], [0, ""]);
  await using second = await Cluster.start();
  const apply = async (path: string) => await second.kubectl(["apply", "--server-side", "-R", "-f", path]);
  const first = await apply(`${folder}/_cluster`);
  equal(first.code, 0, first.stderr);
  const custom = `${folder}/team/Widget.e2e.example.com`;
  await waitFor("the kind", async () => (await apply(custom)).code === 0, { timeoutMs: 60_000, everyMs: 500 });
  const rest = await apply(folder);
  equal(rest.code, 0, rest.stderr);
  deepEqual(await read(second), before);
  // kube-apiserver 1.36.3 parses the body of a server-side apply as YAML, in which U+0085 ends a line.
  const lines = async () => (await second.kubectl(["get", "-n", "team", "cm/lines", "-o", "json"])).stdout;
  equal(JSON.parse(await lines()).data.line, "a b");
  equal((await second.kubectl(["delete", "-n", "team", "cm/lines"])).code, 0);
  equal((await second.kubectl(["create", "-f", `${folder}/team/ConfigMap/lines.yaml`])).code, 0);
  equal(JSON.parse(await lines()).data.line, "a\u0085b");
  equal((await second.kubectl(["get", "-n", "team", "secret/robot-token"])).code, 1);
});
