/**
 * `trousseau doctor` on a set-up of three nodes with a real Vault, a real OpenBao and a real API server: it finds nothing
 * there, and each fault that is planted.
 *
 * @module
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { systemClock } from "../../lib/base/clock.ts";
import { run } from "../../lib/cli/run.ts";
import { trousseau } from "../../lib/cli/trousseau/program.ts";
import { EtcdClient } from "../../lib/net/etcd/etcd_client.ts";
import { etcdSnapshot } from "../../lib/net/etcd/etcd_maintenance.ts";
import { fakeTerminal } from "../support/fake_terminal.ts";
import { type HostFolder, writeHost } from "../support/host_folder.ts";
import { startMoto } from "../support/moto.ts";
import { freePort, type Process, waitFor } from "../support/processes.ts";
import { startVault, type Vault, vaultEngines } from "../support/vault.ts";
import { awsEntry } from "./harness/aws.ts";
import { Cluster } from "./harness/cluster.ts";
import { Node } from "./harness/plugin.ts";

interface Found {
  readonly id: string;
  readonly severity: string;
  readonly sentence: string;
  readonly cure: string;
}

const policyOfPlugin = [
  ...["encrypt", "decrypt", "rewrap"].map((verb) => `path "transit/${verb}/kubernetes" { capabilities = ["update"] }`),
  'path "transit/keys/kubernetes" { capabilities = ["read"] }',
].join("\n");

/** Makes the key, the policy and a periodic token. @returns the token. */
async function setUpKey({ api }: Vault): Promise<string> {
  await api("POST", "sys/mounts/transit", { type: "transit" });
  await api("POST", "transit/keys/kubernetes", {});
  await api("POST", "sys/policies/acl/trousseau", { policy: policyOfPlugin });
  const { body } = await api("POST", "auth/token/create", { policies: ["trousseau"], no_parent: true, period: "24h" });
  return body.auth.client_token;
}

/** A node with the same configuration as all others: its paths are relative to the file. */
async function nodeWith(config: unknown, tokens: Readonly<Record<string, string>>) {
  const node = await Node.make();
  for (const [name, token] of Object.entries(tokens)) await node.write(name, token);
  return { node, file: await node.write("trousseau.yaml", JSON.stringify(config)) };
}

/** Starts the plugin of a node and waits until it can encrypt. @returns the process and its status as JSON. */
async function serve(node: Node, file: string): Promise<{ readonly process: Process; readonly status: string }> {
  const process = node.process("serve", "--config", file);
  const ready = async () => {
    const { stdout } = await node.command("status", "--config", file, "--json");
    return stdout.includes('"canEncrypt":true') ? stdout : undefined;
  };
  const { value } = await waitFor("the plugin to be ready", ready, {
    timeoutMs: 60_000,
    everyMs: 200,
    alive: [process],
  });
  return { process, status: value };
}

const paths = {
  manifest: "/etc/kubernetes/manifests/kube-apiserver.yaml",
  encryption: "/etc/kubernetes/enc/encryption.yaml",
  authority: "/etc/kubernetes/pki/ca.crt",
  unit: "/usr/lib/systemd/system/trousseau.service",
  enabled: "/etc/systemd/system/multi-user.target.wants/trousseau.service",
} as const;

/** The manifest of kubeadm for an API server. */
function manifestOf(
  server: string,
  node: Node,
  changes: { readonly flags?: readonly string[]; readonly socket?: string },
) {
  const { hostname, port } = new URL(server);
  const flags = changes.flags ??
    ["--encryption-provider-config=/enc/encryption.yaml", "--encryption-provider-config-automatic-reload=true"];
  const command = [
    "kube-apiserver",
    `--advertise-address=${hostname}`,
    `--secure-port=${port}`,
    "--client-ca-file=/pki/ca.crt",
    ...flags,
  ];
  const mounts = {
    "/enc": "/etc/kubernetes/enc",
    "/pki": "/etc/kubernetes/pki",
    [changes.socket ?? node.folder]: node.folder,
  };
  const volumes = Object.values(mounts).map((path, at) => ({ name: `v${at}`, hostPath: { path } }));
  const volumeMounts = Object.keys(mounts).map((mountPath, at) => ({ name: `v${at}`, mountPath }));
  const spec = { containers: [{ name: "kube-apiserver", command, volumeMounts }], volumes };
  return JSON.stringify({ apiVersion: "v1", kind: "Pod", spec });
}

async function saveSnapshot(url: string, path: string): Promise<void> {
  using client = await EtcdClient.open({ endpoints: [url], tls: {} }, systemClock, () => {});
  using file = await Deno.open(path, { write: true, create: true, truncate: true });
  const call = { signal: AbortSignal.timeout(60_000), action: "save a snapshot" };
  for await (const part of etcdSnapshot(client, call)) {
    for (let at = 0; at < part.length;) at += await file.write(part.subarray(at));
  }
}

/** Runs the command in this process. @returns the findings that are bad or a warning. */
async function faultsOf(words: readonly string[]): Promise<readonly Found[]> {
  const terminal = fakeTerminal();
  await run(["doctor", "--json", ...words], trousseau, terminal);
  const { findings } = JSON.parse(terminal.out());
  return findings.filter(({ severity }: Found) => severity === "bad" || severity === "warn");
}

/** A fault: the finding, how it is planted, and how it is mended. */
interface Fault {
  readonly id: string;
  plant(): Promise<unknown>;
  mend(): Promise<unknown>;
}

/** A fault in a file of the node. */
function inFile(id: string, host: HostFolder, path: string, change: (text: string) => string): Fault {
  const place = `${host.root}${path}`;
  let before = "";
  return {
    id,
    async plant() {
      before = await Deno.readTextFile(place);
      const after = change(before);
      ok(after !== before, `${id} changes ${path}`);
      await Deno.writeTextFile(place, after);
    },
    mend: () => Deno.writeTextFile(place, before),
  };
}

/** A fault in the mode of a file. */
function inMode(id: string, path: string, planted: number, healthy: number): Fault {
  return { id, plant: () => Deno.chmod(path, planted), mend: () => Deno.chmod(path, healthy) };
}

/** A fault in the API of a Vault. */
function inVault(id: string, { api }: Vault, path: string, planted: unknown, healthy: unknown): Fault {
  return { id, plant: () => api("POST", path, planted), mend: () => api("POST", path, healthy) };
}

/** A change of the EncryptionConfiguration, which is read as JSON. */
// deno-lint-ignore no-explicit-any
function changed(change: (resources: any[]) => void): (text: string) => string {
  return (text) => {
    const value = JSON.parse(text);
    change(value.resources);
    return JSON.stringify(value);
  };
}

Deno.test("doctor finds nothing on three healthy nodes, and each planted fault", async () => {
  const [first, second] = vaultEngines;
  await using vault = await startVault({ engine: first });
  await using bao = await startVault({ engine: second ?? first });
  const tokens = { "token-vault": await setUpKey(vault), "token-bao": await setUpKey(bao) };
  const entry = (name: string, { address }: Vault) => {
    const auth = { method: "token", token: { file: `token-${name}` } };
    return { name, kind: "vault-transit", address, key: "kubernetes", auth };
  };
  const config = {
    socket: { path: "kms.sock" },
    state: "state",
    telemetry: { listen: `127.0.0.1:${freePort()}`, audit: "off" },
    wrap: "any",
    providers: [entry("vault", vault), entry("bao", bao)],
  };
  const nodes = await Promise.all([1, 2, 3].map(() => nodeWith(config, tokens)));
  await using _stack = {
    async [Symbol.asyncDispose]() {
      for (const { node } of nodes) await node[Symbol.asyncDispose]();
    },
  };
  const [one, two, third] = nodes;
  ok(one !== undefined && two !== undefined && third !== undefined);
  const { node, file } = third;
  for (const other of [one, two]) {
    const { process, status } = await serve(other.node, other.file);
    await process.stop();
    await node.write(other === one ? "one.json" : "two.json", status);
  }
  const served = await serve(node, file);
  await using _process = served.process;
  const printed = await node.command("encryption-config", "--socket", node.socket, "--identity", "none");
  equal(printed.code, 0, printed.stderr);
  const provider = { apiVersion: "v2", name: "trousseau", endpoint: `unix://${node.socket}`, timeout: "3s" };
  const encryption = JSON.stringify({
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "EncryptionConfiguration",
    resources: [{ resources: ["secrets", "configmaps"], providers: [{ kms: provider }] }],
  });
  await using cluster = await Cluster.start({ encryption: printed.stdout });
  const made = await cluster.kubectl(["create", "secret", "generic", "db", "--from-literal=password=canary"]);
  equal(made.code, 0, made.stderr);
  const snapshot = `${node.folder}/snapshot.db`;
  await saveSnapshot(cluster.etcd.url, snapshot);
  const { clusters: [{ cluster: { server, "certificate-authority": ca } }] } = JSON.parse(
    await Deno.readTextFile(cluster.server.kubeconfig),
  );
  await using host = await writeHost({
    [paths.manifest]: manifestOf(server, node, {}),
    [paths.encryption]: encryption,
    [paths.authority]: await Deno.readTextFile(ca),
    [paths.unit]: await Deno.readTextFile(new URL("../../deploy/systemd/trousseau.service", import.meta.url)),
    [paths.enabled]: "",
  });
  const others = `${node.folder}/one.json,${node.folder}/two.json`;
  const words = ["--config", file, "--root", host.root, "--nodes", others, "--snapshot", snapshot];

  const healthy = await node.command("doctor", ...words, "--json");
  const { counts, findings } = JSON.parse(healthy.stdout);
  // The machine of the test may have variables of the runtime in its environment.
  const ofMachine = ({ sentence }: Found) => sentence.startsWith("Take these variables out of the environment");
  const remaining = findings.filter((one: Found) => one.severity !== "ok" && !ofMachine(one));
  deepEqual([healthy.code, counts.bad, remaining], [0, 0, []], healthy.stderr + JSON.stringify(remaining));
  const goods = new Set(findings.map(({ id }: Found) => id));
  for (
    const id of [
      ...[
        "plugin-well",
        "state-known",
        "folder-well",
        "space-enough",
        "clock-kms",
        "clock-apiserver",
        "socket-reachable",
      ],
      ...["unit-ordered", "apiserver-found", "provider-well", "quorum-held", "vault-key-held", "nodes-agree"],
      ...["night-survived", "night-data-kept"],
    ]
  ) ok(goods.has(id), id);

  const policies = {
    wide: { policy: `${policyOfPlugin}\npath "transit/keys/kubernetes/rotate" { capabilities = ["update"] }` },
    narrow: { policy: policyOfPlugin },
  };
  const key = "transit/keys/kubernetes/config";
  const faults: readonly Fault[] = [
    inMode("folder-open", `${node.folder}/state`, 0o777, 0o700),
    inMode("folder-readable", `${node.folder}/state`, 0o755, 0o700),
    inMode("socket-open", node.socket, 0o666, 0o600),
    inFile("unit-unordered", host, paths.unit, (text) => text.replace("Before=kubelet.service", "")),
    {
      id: "unit-disabled",
      plant: () => Deno.remove(`${host.root}${paths.enabled}`),
      mend: () => Deno.writeTextFile(`${host.root}${paths.enabled}`, ""),
    },
    inFile("encryption-off", host, paths.manifest, () => manifestOf(server, node, { flags: [] })),
    inFile(
      "reload-off",
      host,
      paths.manifest,
      (text) => text.replace("automatic-reload=true", "automatic-reload=false"),
    ),
    inFile(
      "gate-left",
      host,
      paths.manifest,
      (text) => text.replace('"--client-ca', '"--feature-gates=KMSv1=true","--client-ca'),
    ),
    inFile("socket-unmounted", host, paths.manifest, () => manifestOf(server, node, { socket: "/elsewhere" })),
    inFile("encryption-unreadable", host, paths.encryption, (text) => text.replace("endpoint", "endpiont")),
    inFile("endpoint-missing", host, paths.encryption, (text) => text.replace("kms.sock", "other.sock")),
    inFile("timeout-short", host, paths.encryption, (text) => text.replace('"3s"', '"500ms"')),
    inFile("api-v1-gate", host, paths.encryption, (text) => text.replace('"v2"', '"v1"')),
    inFile("secrets-missing", host, paths.encryption, (text) => text.replace('"secrets",', "")),
    inFile("resource-unknown", host, paths.encryption, (text) => text.replace("configmaps", "configmap")),
    inFile("plain-written", host, paths.encryption, changed(([one]) => one.providers.unshift({ identity: {} }))),
    inFile("identity-left", host, paths.encryption, changed(([one]) => one.providers.push({ identity: {} }))),
    inFile(
      "resource-twice",
      host,
      paths.encryption,
      changed((all) => all.push({ resources: ["secrets"], providers: [{ identity: {} }] })),
    ),
    inVault("vault-key-deletable", vault, key, { deletion_allowed: true }, { deletion_allowed: false }),
    inVault("vault-login-may", bao, "sys/policies/acl/trousseau", policies.wide, policies.narrow),
    {
      id: "vault-min-decryption",
      async plant() {
        await vault.api("POST", "transit/keys/kubernetes/rotate", {});
        await vault.api("POST", key, { min_decryption_version: 2 });
      },
      mend: () => vault.api("POST", key, { min_decryption_version: 1 }),
    },
    {
      id: "node-key",
      plant: () => node.write("two.json", served.status.replace(/"keyId":"[^"]*"/, '"keyId":"t1-other"')),
      mend: () => node.write("two.json", served.status),
    },
    {
      id: "node-silent",
      plant: () => Deno.remove(`${node.folder}/two.json`),
      mend: () => node.write("two.json", served.status),
    },
    { id: "provider-fails", plant: () => bao.seal(), mend: () => bao.unseal() },
    { id: "plugin-silent", plant: () => served.process.stop(), mend: () => Promise.resolve() },
  ];
  ok(faults.length >= 20);
  for (const { id, plant, mend } of faults) {
    await plant();
    const found = await faultsOf(words);
    const finding = found.find((one) => one.id === id);
    ok(finding !== undefined, `${id} is found among ${found.map((one) => one.id).join(", ")}`);
    ok(finding.cure !== "", id);
    await mend();
  }
});

Deno.test("doctor finds the end of a key in AWS KMS, and that AWS does not rotate it", async () => {
  await using node = await Node.make();
  await using moto = await startMoto();
  const arn = await moto.newKey();
  const provider = await awsEntry(moto, arn, node);
  const file = await node.write("trousseau.yaml", JSON.stringify(node.config({ providers: [provider] })));
  const ids = async () => {
    const terminal = fakeTerminal();
    await run(["doctor", "--json", "--root", node.folder, "--config", file], trousseau, terminal);
    const { findings } = JSON.parse(terminal.out());
    return findings.map(({ id }: Found) => id).filter((id: string) => id.startsWith("aws-"));
  };
  // The shipped policy lacks the right to ask for the rotation.
  deepEqual(await ids(), ["aws-key-held"]);
  await moto.enforce(false);
  deepEqual(await ids(), ["aws-key-held", "aws-rotation-off"]);
  const id = arn.split("/").at(-1);
  await moto.kms("EnableKeyRotation", { KeyId: id });
  deepEqual(await ids(), ["aws-key-held"]);
  await moto.kms("ScheduleKeyDeletion", { KeyId: id, PendingWindowInDays: 7 });
  deepEqual(await ids(), ["aws-key-pending-deletion"]);
});
