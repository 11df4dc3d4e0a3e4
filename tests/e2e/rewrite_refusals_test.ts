/**
 * `rewrite` where the cluster refuses: rights that lack, a namespace that is forbidden, an admission policy; and over KMS
 * v1beta1.
 *
 * @module
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { join } from "node:path";
import { Authority } from "../support/certificates.ts";
import { waitFor } from "../support/processes.ts";
import { Cluster } from "./harness/cluster.ts";
import { flagsFor } from "./harness/encryption.ts";
import { Node, type Plugin } from "./harness/plugin.ts";
import {
  apply,
  bindingOf,
  makeRewriter,
  makeSecrets,
  namespaces,
  nextKeyId,
  type PolicyObject,
  rewritePolicy,
  serverOf,
  writeKubeconfig,
} from "./harness/rewrite_site.ts";

interface Refusal {
  readonly namespace: string;
  readonly sentence: string;
}

type Result = Awaited<ReturnType<Node["command"]>>;

async function start(node: Node): Promise<Plugin> {
  const keyFile = join(node.folder, "local.keys");
  const providers = [{ name: "local", kind: "local", keyFile, create: true }];
  return await node.start({ providers, probe: { interval: "1s" } });
}

/** A policy without one rule, or with one verb less. */
interface Lack {
  readonly what: string;
  readonly policy: PolicyObject;
}

/** The policies that lack one rule, or one verb of a rule with several. */
function lacksOf(policy: readonly PolicyObject[]): readonly Lack[] {
  return policy.flatMap((one) =>
    one.rules.flatMap((rule, at) => {
      const { verbs, resources, nonResourceURLs } = rule as Readonly<Record<string, readonly string[]>>;
      const name = (resources ?? nonResourceURLs ?? []).join();
      return (verbs ?? []).map((verb): Lack => {
        const left = (verbs ?? []).filter((other) => other !== verb);
        const changed = left.length === 0 ? [] : [{ ...(rule as object), verbs: left }];
        return { what: `${verb} ${name}`, policy: { ...one, rules: one.rules.toSpliced(at, 1, ...changed) } };
      });
    })
  );
}

/** The result of a lack, by its verb and resource. */
const results: Readonly<Record<string, { readonly code: number; readonly says: RegExp }>> = {
  "list secrets,configmaps": { code: 1, says: /^secrets in namespace a: secrets is forbidden/m },
  "patch secrets,configmaps": { code: 1, says: /^secrets plain-0 in namespace a: secrets "plain-0" is forbidden/m },
  "list namespaces": { code: 77, says: /forbids \/api\/v1\/namespaces to this user/ },
  "get /metrics": { code: 69, says: /forbids \/metrics to this user/ },
  "list leases": { code: 77, says: /forbids \/apis\/coordination\.k8s\.io\/v1\/namespaces\/kube-system\/leases/ },
};

/** Refuses updates of Secrets in the namespace b that change nothing. */
const admission = [
  {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: "changes-only" },
    spec: {
      failurePolicy: "Fail",
      matchConstraints: {
        resourceRules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["UPDATE"], resources: ["secrets"] }],
      },
      validations: [{ expression: "object.data != oldObject.data", message: "an update must change the data" }],
    },
  },
  {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicyBinding",
    metadata: { name: "changes-only" },
    spec: {
      policyName: "changes-only",
      validationActions: ["Deny"],
      matchResources: { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "b" } } },
    },
  },
];

Deno.test("rewrite needs each right of the policy file; what is forbidden or refused is counted, and all else is done", async () => {
  await using node = await Node.make();
  await using plugin = await start(node);
  await using cluster = await Cluster.start();
  const token = await makeRewriter(cluster);
  for (const name of namespaces) equal((await cluster.kubectl(["create", "namespace", name])).code, 0);
  const count = (await makeSecrets(cluster, "plain", 4)).size;
  await cluster.stopServer();
  await cluster.startServer({ encryption: await node.encryptionConfiguration("v2") });
  const keyId = await nextKeyId(plugin, "");
  const { server, ca } = await serverOf(cluster);
  const kubeconfig = await writeKubeconfig(node, server, ca, token);
  const args = ["rewrite", "--kubeconfig", kubeconfig, "--resources", "secrets", "--expect-key-id", keyId];
  const rewrite = (...more: readonly string[]): Promise<Result> =>
    node.command(...args, "--state", join(node.folder, "rewrite"), ...more);
  const stale = async (): Promise<number> => {
    const verify = ["verify", "--etcd", cluster.etcd.url, "--resources", "secrets", "--json"];
    const rows: { keyId: string | null; objects: number }[] = JSON.parse((await node.command(...verify)).stdout).rows;
    return rows.filter((row) => row.keyId !== keyId).reduce((sum, { objects }) => sum + objects, 0);
  };

  const policy = await rewritePolicy();
  const [role] = policy;
  ok(role?.kind === "ClusterRole");
  const named = { kind: "ClusterRole", name: "trousseau-rewrite-secrets" } as const;
  await apply(
    cluster,
    { ...role, rules: role.rules.slice(1) },
    { ...role, metadata: { name: named.name }, rules: role.rules.slice(0, 1) },
    ...namespaces.filter((name) => name !== "e").map((name) => bindingOf(named, name)),
    ...admission,
  );
  const path = "/api/v1/namespaces/b/secrets/plain-0?dryRun=All";
  await waitFor("the admission policy", async () => (await cluster.server.request("PATCH", path, {})).status === 422, {
    timeoutMs: 60_000,
    everyMs: 100,
  });
  await waitFor("the roles", async () => !await mayList(cluster, "e") && await mayList(cluster, "d"), {
    timeoutMs: 60_000,
    everyMs: 100,
  });
  const refused = await rewrite("--json");
  equal(refused.code, 1, refused.stderr);
  const { refusals, resources } = JSON.parse(refused.stdout);
  const sentences = (namespace: string): readonly string[] =>
    refusals.filter((one: Refusal) => one.namespace === namespace).map(({ sentence }: Refusal) => sentence);
  equal(sentences("b").length, 4);
  for (const sentence of sentences("b")) {
    match(sentence, /ValidatingAdmissionPolicy 'changes-only' .* denied request: an update must change the data/);
  }
  match(sentences("e").join(), /^secrets is forbidden: User "system:serviceaccount:kube-system:rewriter" cannot list/);
  const others = ["default", "kube-node-lease", "kube-public", "kube-system"];
  deepEqual(new Set(refusals.map(({ namespace }: Refusal) => namespace)), new Set(["b", "e", ...others]));
  equal(resources[0].objects, count - 8);
  equal(await stale(), 8);

  for (const { kind, metadata } of admission) equal((await cluster.kubectl(["delete", kind, metadata.name])).code, 0);
  await apply(cluster, ...policy);
  await waitFor("a run with all rights", async () => (await rewrite()).code === 0, { timeoutMs: 60_000 });
  equal(await stale(), 0);

  const lacks = lacksOf(policy);
  deepEqual(lacks.map(({ what }) => what).toSorted(), Object.keys(results).toSorted());
  // The bindings to single namespaces would give the rights in another way.
  equal((await cluster.kubectl(["delete", "clusterrole", named.name])).code, 0);
  for (const { what, policy: without } of lacks) {
    await apply(cluster, without);
    const expected = results[what];
    // The API server takes a changed role up a moment later.
    const { value } = await waitFor(`a refusal without ${what}`, async () => {
      const result = await rewrite();
      return result.code === expected?.code ? result : undefined;
    }, { timeoutMs: 60_000 });
    match(`${value?.stdout}${value?.stderr}`, expected?.says ?? /never/);
    await apply(cluster, ...policy);
  }
});

/** A custom resource with a column that shows a value, and one object. */
const widgets = [
  {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "widgets.example.com" },
    spec: {
      group: "example.com",
      names: { plural: "widgets", singular: "widget", kind: "Widget", listKind: "WidgetList" },
      scope: "Namespaced",
      versions: [{
        name: "v1",
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
        additionalPrinterColumns: [
          { name: "Token", type: "string", jsonPath: ".token", priority: 1 },
          { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
        ],
      }],
    },
  },
] as const;

Deno.test("rewrite names the columns of a custom resource that show a value, and where no migrations are served, the gate", async () => {
  await using node = await Node.make();
  await using cluster = await Cluster.start();
  await apply(cluster, ...widgets);
  const widget = { apiVersion: "example.com/v1", kind: "Widget", metadata: { name: "one" }, token: "hunter2" };
  const path = "/apis/example.com/v1/namespaces/default/widgets";
  await waitFor(
    "the custom resource",
    async () => (await cluster.server.request("POST", path, widget)).status === 201,
    {
      timeoutMs: 60_000,
      everyMs: 100,
    },
  );
  const rewrite = (...more: readonly string[]) =>
    node.command("rewrite", "--kubeconfig", cluster.server.kubeconfig, ...more, "--dry-run");
  const { code, stdout, stderr } = await rewrite("--resources", "widgets.example.com,secrets");
  equal(code, 0, stderr);
  match(stdout, /^Answers about widgets\.example\.com have its printer columns Token beside the names/m);
  match(stdout, /^widgets\.example\.com +1 +-$/m);
  equal(stdout.includes("hunter2") || stdout.includes("Answers about secrets"), false);
  const unserved = await rewrite("--resources", "secrets", "--by", "migration");
  equal(unserved.code, 78, unserved.stdout);
  match(unserved.stderr, /serves no StorageVersionMigration .*--feature-gates=StorageVersionMigrator=true/);
});

Deno.test("rewrite ends with 77 and changes nothing where its client certificate has expired", async () => {
  await using node = await Node.make();
  const authority = new Authority("Clients");
  const flags = [`--client-ca-file=${await node.write("clients.pem", authority.certificate)}`];
  await using cluster = await Cluster.start({ flags });
  const { server, ca } = await serverOf(cluster);
  const subject = { commonName: "admin", organisation: "system:masters" };
  const results: Result[] = [];
  for (const days of [1, -1]) {
    const { certificate, key } = authority.issue({ ...subject, days, usages: ["client"] });
    const user = { "client-certificate-data": btoa(certificate), "client-key-data": btoa(key) };
    const kubeconfig = await writeKubeconfig(node, server, ca, user);
    results.push(await node.command("rewrite", "--kubeconfig", kubeconfig, "--resources", "secrets", "--dry-run"));
  }
  const [valid, expired] = results;
  equal(valid?.code, 0, valid?.stderr);
  equal(expired?.code, 77, expired?.stderr);
  match(
    expired?.stderr ?? "",
    /^trousseau: [^\n]+ does not accept [^\n]+\nRun "\w+ help error [\w -]+" for cause and cure\.\n$/,
  );
  equal(expired?.stdout, "");
});

/** Whether the account may list the Secrets of a namespace. */
async function mayList(cluster: Cluster, namespace: string): Promise<boolean> {
  const user = ["--as", "system:serviceaccount:kube-system:rewriter"];
  return (await cluster.kubectl(["auth", "can-i", "list", "secrets", "-n", namespace, ...user])).code === 0;
}

Deno.test("over v1beta1 every object is under the new key after a killed run, and no annotation is left", async () => {
  await using node = await Node.make();
  await using plugin = await start(node);
  const encryption = await node.encryptionConfiguration("v1beta1");
  await using cluster = await Cluster.start({ encryption, flags: flagsFor("v1beta1") });
  const token = await makeRewriter(cluster);
  for (const name of namespaces) equal((await cluster.kubectl(["create", "namespace", name])).code, 0);
  const values = await makeSecrets(cluster, "first", 16);
  const before = await nextKeyId(plugin, "");
  const { code, stderr } = await node.command("keys", "rotate", "--config", plugin.config);
  equal(code, 0, stderr);
  const keyId = await nextKeyId(plugin, before);
  const { server, ca } = await serverOf(cluster);
  const kubeconfig = await writeKubeconfig(node, server, ca, token);
  const [file, folder] = [await node.write("encryption.yaml", encryption), join(node.folder, "rewrite")];
  const args = ["rewrite", "--kubeconfig", kubeconfig, "--encryption-config", file, "--state", folder];
  {
    await using run = node.process(...args, "--rate", "10");
    await waitFor("objects with an annotation", async () => {
      const state = JSON.parse(await Deno.readTextFile(join(folder, "rewrite.json")).catch(() => "{}"));
      const { status, body } = await cluster.server.request("GET", "/api/v1/secrets");
      return status === 200 && (state.pending ?? []).length > 0 && body.includes('"rewrite.trousseau/');
    }, { timeoutMs: 60_000, everyMs: 1, alive: [run] });
    Deno.kill(run.pid, "SIGKILL");
    await run.exited;
  }
  const done = await node.command(...args, "--json");
  equal(done.code, 0, done.stdout + done.stderr);
  const report = JSON.parse(done.stdout);
  deepEqual([report.kmsVersion, report.keyId, report.refusals], ["v1beta1", null, []]);
  const { body } = await cluster.server.request("GET", "/api/v1/secrets");
  equal(body.includes("rewrite.trousseau"), false, "neither an annotation nor a field manager is left");
  const items: { metadata: { namespace: string; name: string }; data: { value: string } }[] = JSON.parse(body).items;
  for (const { metadata: { namespace, name }, data } of items) {
    equal(atob(data.value), values.get(`/api/v1/namespaces/${namespace}/secrets/${name}`));
  }
  equal(items.length, values.size);
  const verify = ["verify", "--etcd", cluster.etcd.url, "--resources", "secrets", "--expect-key-id", keyId];
  const verified = await node.command(...verify);
  equal(verified.code, 0, verified.stdout + verified.stderr);
});
