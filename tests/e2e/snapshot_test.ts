/**
 * Snapshots of a real cluster: `verify` counts them, and `decrypt` opens them when the cluster, its plugin and its KMS are
 * gone.
 *
 * @module
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { parse, parseAllDocuments } from "yaml";
import { discoverResources } from "../../lib/cli/trousseau/encryption_discovery.ts";
import { foldersWithoutApi, StoredKeys } from "../../lib/cluster/objects/stored_key.ts";
import { builtInResources } from "../../lib/config/encryption/resources.ts";
import { Hpke } from "../../lib/provider/recovery/hpke.ts";
import { privateKeyText, publicKeyText } from "../../lib/provider/recovery/key_text.ts";
import { flagsFor } from "./harness/encryption.ts";
import { Cluster } from "./harness/cluster.ts";
import { Node } from "./harness/plugin.ts";
import { saveSnapshot } from "./harness/snapshot.ts";

const count = 12;

/** Objects of the folders in etcd whose names differ from the resources, of a custom resource, and Secrets. */
function manifests(): unknown {
  const secrets = Array.from({ length: count }, (_, at) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: `secret-${at}`, namespace: "default", labels: { at: `${at}` } },
    stringData: { password: `canary-${at}-é` },
  }));
  const meta = { name: "one", namespace: "default" };
  const template = { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "a", image: "a" }] } };
  const items = [
    ...secrets,
    { apiVersion: "v1", kind: "ConfigMap", metadata: meta, data: { colour: 'blue: "#00f"\n' } },
    { apiVersion: "v1", kind: "Node", metadata: { name: "one" } },
    { apiVersion: "v1", kind: "Service", metadata: meta, spec: { ports: [{ port: 80 }] } },
    { apiVersion: "v1", kind: "Endpoints", metadata: { name: "two", namespace: "default" } },
    {
      apiVersion: "v1",
      kind: "ReplicationController",
      metadata: meta,
      spec: { replicas: 0, selector: { a: "b" }, template },
    },
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: meta,
      spec: { replicas: 0, selector: { matchLabels: { a: "b" } }, template },
    },
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "Ingress",
      metadata: meta,
      spec: { defaultBackend: { service: { name: "one", port: { number: 80 } } } },
    },
  ];
  return { apiVersion: "v1", kind: "List", items };
}

for (const api of ["v2", "v1beta1"] as const) {
  Deno.test(`a snapshot is counted, and opened after its cluster is gone, by each provider alone (${api})`, async () => {
    await using node = await Node.make();
    const { privateKey, publicKey } = await new Hpke().newKeyPair();
    const local = (name: string) => ({ name, kind: "local", keyFile: `${node.folder}/${name}.keys`, create: true });
    const safe = { name: "safe", kind: "recovery", recipients: [publicKeyText(publicKey)] };
    const encryption = await node.encryptionConfiguration(api);
    const snapshot = `${node.folder}/snapshot.db`;
    {
      await using _plugin = await node.start({ providers: [local("one"), local("two"), safe] });
      await using cluster = await Cluster.start({ encryption, flags: flagsFor(api) });
      const made = await cluster.kubectl(["apply", "-f", "-"], manifests());
      equal(made.code, 0, made.stderr);
      await saveSnapshot(cluster.etcd.url, snapshot);
      const keys = new StoredKeys("/registry", builtInResources());
      const { table } = await discoverResources(cluster.server.kubeconfig, AbortSignal.timeout(30_000));
      const known = [...table].flatMap(([group, names]) =>
        names.map((name) => group === "" ? name : `${name}.${group}`)
      );
      const found = new Set((await cluster.etcd.entries()).map(({ key }) => keys.read(key)?.resource ?? key));
      const expected: readonly string[] = [...known, ...foldersWithoutApi];
      deepEqual([...found].filter((resource) => !expected.includes(resource)), []);
      for (const resource of ["nodes", "services", "endpoints", "replicationcontrollers"]) {
        ok(found.has(resource), resource);
      }
      for (
        const resource of ["deployments.apps", "ingresses.networking.k8s.io", "apiservices.apiregistration.k8s.io"]
      ) {
        ok(found.has(resource), resource);
      }
    }
    const verified = await node.command(
      "verify",
      "--snapshot",
      snapshot,
      "--resources",
      "secrets,configmaps",
      "--json",
    );
    const { rows } = JSON.parse(verified.stdout);
    const state = api === "v2" ? "trousseau-v2" : "trousseau-v1beta1";
    const secrets = rows.filter(({ resource }: { resource: string }) => resource === "secrets");
    deepEqual(secrets.map((row: Record<string, unknown>) => [row["state"], row["objects"]]), [[state, count]]);
    deepEqual(secrets[0].wraps.map(({ name }: { name: string }) => name), ["one", "safe", "two"]);

    const write = async (name: string, providers: unknown[]) =>
      await node.write(name, JSON.stringify(node.config({ providers } as Parameters<typeof node.config>[0])));
    const both = await write("both.yaml", [local("one"), local("two"), safe]);
    const drill = await node.command("decrypt", "--snapshot", snapshot, "--config", both, "--check", "--json");
    equal(drill.code, 0, drill.stdout + drill.stderr);
    const { providers, encrypted, closed } = JSON.parse(drill.stdout);
    equal(closed, 0);
    ok(encrypted >= count);
    deepEqual(providers, ["one", "two"].map((name) => ({ name, objects: encrypted, error: null })));

    const key = (name: string) => `/registry/secrets/default/${name}`;
    await Deno.remove(`${node.folder}/one.keys`);
    const shown = await node.command("decrypt", "--snapshot", snapshot, "--config", both, "--show", key("secret-3"));
    // The key of one provider is gone: it creates none, and the other opens.
    equal(await Deno.stat(`${node.folder}/one.keys`).catch(() => undefined), undefined);
    equal(shown.code, 0, shown.stderr);
    const secret = parse(shown.stdout);
    equal(secret.metadata.name, "secret-3");
    deepEqual(secret.metadata.labels, { at: "3" });
    equal(new TextDecoder().decode(Uint8Array.from(atob(secret.data.password), (c) => c.charCodeAt(0))), "canary-3-é");

    await Deno.remove(`${node.folder}/two.keys`);
    const closedNow = await node.command("decrypt", "--snapshot", snapshot, "--config", both, "--check");
    equal(closedNow.code, 1);
    match(closedNow.stdout, /objects are opened by no provider/);
    const recoveryKey = await node.write("recovery.key", `${privateKeyText(privateKey)}\n`);
    const fresh = await write("fresh.yaml", [local("new"), safe]);
    const recovery = ["--config", fresh, "--recovery-key", recoveryKey];
    const all = await node.command(
      "decrypt",
      "--snapshot",
      snapshot,
      ...recovery,
      "--show",
      "/registry/secrets/default/",
    );
    equal(all.code, 0, all.stderr);
    equal(parseAllDocuments(all.stdout).length, count);
    const quiet = await node.command("decrypt", "--snapshot", snapshot, ...recovery, key("secret-1"), key("absent"));
    equal(quiet.code, 1);
    match(quiet.stdout, /secret-1 +Secret +recovery-key +yes/);
    match(quiet.stderr, /has no object \/registry\/secrets\/default\/absent\./);
    ok(!/canary|Y2FuYXJ5/.test(quiet.stdout + quiet.stderr + closedNow.stdout));
  });
}
