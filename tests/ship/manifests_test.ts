/**
 * The forms in which a cluster runs Trousseau, tried with the tools of their users.
 *
 * @module
 */
import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { join } from "node:path";
import { parse, parseAllDocuments, stringify } from "yaml";
import { readApiServerPod } from "../../lib/config/apiserver/static_pod.ts";
import { readEncryptionFile } from "../../lib/config/encryption/file.ts";
import { environmentFrom } from "../../lib/config/environment.ts";
import { loadConfig } from "../../lib/config/load.ts";
import { fakeFiles } from "../support/fake_files.ts";
import { inFolder } from "../support/temporary_folder.ts";
import { moduleFolder } from "./tools.ts";
import { ManifestJudge, tool, toolOutput } from "./validation.ts";

const deploy = new URL("../../deploy", import.meta.url).pathname;
const chart = join(deploy, "helm/trousseau");
const read = (path: string) => Deno.readTextFile(join(deploy, path));

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  // deno-lint-ignore no-explicit-any -- the tests read single fields of manifests that the API server has checked.
  readonly spec?: any;
}

const documents = (text: string): readonly Manifest[] =>
  parseAllDocuments(text).map((document) => document.toJS()).filter((one) => one !== null);

const kustomized = (folder: string) => toolOutput("kustomize", ["build", join(deploy, "kustomize", folder)]);

const values = {
  mode: "hosted",
  hosted: {
    credentialsSecret: "trousseau-credentials",
    config: {
      telemetry: { log: { level: "warn" } },
      providers: [{
        name: "vault",
        kind: "vault-transit",
        addresses: ["https://vault.example.com:8200"],
        key: "tenant-one",
        auth: { method: "token", token: { file: "/etc/trousseau-credentials/token" } },
      }],
    },
  },
};

/** `helm template` with values; the arguments behind them win. */
async function templated(given: unknown, ...args: string[]) {
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(file, stringify(given));
    return await tool("helm", ["template", "one", chart, "--namespace", "tenant", "--values", file, ...args]);
  } finally {
    await Deno.remove(file);
  }
}

async function rendered(given: unknown): Promise<string> {
  const { code, stdout, stderr } = await templated(given);
  equal(code, 0, stderr);
  return stdout;
}

let judge: ManifestJudge;

Deno.test.beforeAll(async () => {
  judge = await ManifestJudge.start();
  for (const name of ["tenant", "tenant-one"]) await judge.cluster.kubectl(["create", "namespace", name]);
});

Deno.test.afterAll(() => judge[Symbol.asyncDispose]());

Deno.test("kubeconform and the API server refuse an unknown field of a pod", async () => {
  const wrong = (await read("kubernetes/static-pod.yaml")).replace("hostNetwork:", "hostNetwrok:");
  notEqual((await judge.conforms(wrong)).code, 0);
  match((await judge.dryRun(wrong)).stderr, /hostNetwrok/);
});

Deno.test("the static pod is one that the API server takes", async () => {
  await judge.accepts(await read("kubernetes/static-pod.yaml"));
});

Deno.test("kubeadm takes the ClusterConfiguration, and refuses a field that it does not have", async () => {
  const file = join(deploy, "kubeadm/cluster-configuration.yaml");
  equal((await tool("kubeadm", ["config", "validate", "--config", file])).code, 0);
  const wrong = await Deno.makeTempFile({ suffix: ".yaml" });
  await Deno.writeTextFile(wrong, (await Deno.readTextFile(file)).replace("pathType", "pathTpye"));
  notEqual((await tool("kubeadm", ["config", "validate", "--config", wrong])).code, 0);
  await Deno.remove(wrong);
});

Deno.test("kubeadm writes flag and mounts into kube-apiserver's manifest", async () => {
  await inFolder(async (folder) => {
    const args = ["init", "phase", "control-plane", "apiserver", "--dry-run", "--config"];
    await toolOutput("kubeadm", [...args, join(deploy, "kubeadm/cluster-configuration.yaml")], {
      KUBEADM_INIT_DRYRUN_DIR: folder,
    });
    const start = readApiServerPod(await Deno.readTextFile(join(folder, "kube-apiserver.yaml")));
    ok(start?.words.includes("--encryption-provider-config=/etc/kubernetes/enc/config.yaml"));
    ok(start?.words.includes("--encryption-provider-config-automatic-reload=true"));
    for (const path of ["/etc/kubernetes/enc", "/run/trousseau"]) {
      ok(start?.mounts.some(({ mountPath, hostPath }) => mountPath === path && hostPath === path), path);
    }
  });
});

Deno.test("kubeadm takes the patch for a rootless control plane", async () => {
  await inFolder(async (folder) => {
    const group = { spec: { securityContext: { supplementalGroups: [1] } } };
    // kubeadm itself writes this group where kube-apiserver is not root, which a dry run leaves out.
    await Deno.writeTextFile(join(folder, "kube-apiserver0+strategic.json"), JSON.stringify(group));
    const patch = await read("kubeadm/rootless/kube-apiserver+json.yaml");
    await Deno.writeTextFile(join(folder, "kube-apiserver1+json.yaml"), patch);
    const init = (await read("kubeadm/rootless/init-configuration.yaml")).replace("/etc/kubernetes/patches", folder);
    const config = join(folder, "kubeadm.yaml");
    await Deno.writeTextFile(config, `${init}---\n${await read("kubeadm/cluster-configuration.yaml")}`);
    await toolOutput("kubeadm", ["init", "phase", "control-plane", "apiserver", "--dry-run", "--config", config], {
      KUBEADM_INIT_DRYRUN_DIR: folder,
    });
    const start = readApiServerPod(await Deno.readTextFile(join(folder, "kube-apiserver.yaml")));
    deepEqual(start?.moreGroups, [1, 65532]);
  });
});

Deno.test("the KubeadmControlPlane is one that the CRD of Cluster API takes", async () => {
  const folder = join(await moduleFolder("sigs.k8s.io/cluster-api@v1.14.2"), "controlplane/kubeadm/config/crd/bases");
  const crd = join(folder, "controlplane.cluster.x-k8s.io_kubeadmcontrolplanes.yaml");
  // The annotation of `apply` would be too large for it.
  equal((await judge.cluster.kubectl(["create", "--filename", crd])).code, 0);
  await judge.cluster.kubectl(["wait", "--for=condition=Established", "--timeout=60s", "--filename", crd]);
  const text = await read("cluster-api/kubeadm-control-plane.yaml");
  const { code, stderr } = await judge.dryRun(text.replace("metadata:\n", "metadata:\n  namespace: default\n"));
  equal(code, 0, stderr);
  match((await judge.dryRun(text.replace("extraVolumes", "extraVolume"))).stderr, /extraVolume/);
});

Deno.test("the DaemonSet of each overlay is one that the API server takes", async () => {
  for (const folder of ["base", "overlays/other-nodes"]) await judge.accepts(await kustomized(folder));
  const [{ spec } = { spec: undefined }] = documents(await kustomized("overlays/other-nodes"));
  deepEqual(spec.template.spec.containers[0].args.slice(-2), ["--in-cluster", "other-nodes"]);
});

Deno.test("the sidecar of kustomize joins a Deployment, and a StatefulSet", async () => {
  const text = await kustomized("examples/hosted");
  await judge.accepts(text);
  const pod = documents(text).find(({ kind }) => kind === "Deployment")?.spec.template.spec;
  equal(pod.initContainers[0].restartPolicy, "Always");
  deepEqual(pod.containers[0].volumeMounts.map((mount: { mountPath: string }) => mount.mountPath), [
    "/run/trousseau",
    "/etc/kubernetes/enc",
  ]);
  deepEqual(
    parse(await read("kustomize/components/sidecar/deployment.yaml")).spec,
    parse(await read("kustomize/components/sidecar/statefulset.yaml")).spec,
  );
});

Deno.test("helm lint takes the chart in each mode", async () => {
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  for (const given of [values, { mode: "nodes", nodes: { apiServer: "other-nodes" } }]) {
    await Deno.writeTextFile(file, stringify(given));
    await toolOutput("helm", ["lint", "--strict", chart, "--values", file]);
  }
  await Deno.remove(file);
});

Deno.test("the chart's DaemonSet is that of kustomize", async () => {
  const text = await rendered({ mode: "nodes", nodes: { apiServer: "other-nodes" } });
  await judge.accepts(text);
  const [ours] = documents(await kustomized("overlays/other-nodes"));
  const [theirs] = documents(text);
  deepEqual(theirs?.spec, ours?.spec);
});

Deno.test("the chart's hosted mode makes configuration, EncryptionConfiguration and policy", async () => {
  const text = await rendered(values);
  await judge.accepts(text);
  const made = documents(text);
  deepEqual(made.map(({ kind }) => kind).toSorted(), [
    "ConfigMap",
    "ConfigMap",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
  ]);
  const config = parse(made.find(({ data }) => data?.["trousseau.yaml"] !== undefined)?.data?.["trousseau.yaml"] ?? "");
  deepEqual(config.telemetry, { log: { level: "warn" }, listen: "0.0.0.0:8090" });
  const contents = { "/c.yaml": stringify(config), "/etc/trousseau-credentials/token": "x" };
  await loadConfig("/c.yaml", environmentFrom(() => undefined), fakeFiles({ contents }));
  const encryption = made.find(({ data }) => data?.["config.yaml"] !== undefined)?.data?.["config.yaml"] ?? "";
  deepEqual(readEncryptionFile("config.yaml", encryption).doubts, []);
});

const refused: readonly (readonly [what: string, values: unknown, names: RegExp])[] = [
  ["a value that does not exist", { ...values, replicas: 2 }, /replicas/],
  ["a mistyped value below hosted", { ...values, hosted: { ...values.hosted, injetc: true } }, /injetc/],
  ["no provider", { mode: "hosted" }, /providers/],
  ["the socket in the configuration", {
    mode: "hosted",
    hosted: { config: { ...values.hosted.config, socket: { path: "/run/a" } } },
  }, /socket/],
  ["mode nodes without the place of the API server", { mode: "nodes" }, /apiServer/],
  ["an image without a fixed version", { ...values, image: { tag: "latest" } }, /tag/],
  ["root", { ...values, runAsUser: 0 }, /runAsUser/],
];

for (const [what, given, names] of refused) {
  Deno.test(`the chart refuses ${what}`, async () => {
    const { code, stderr } = await templated(given);
    notEqual(code, 0);
    match(stderr, names);
  });
}

/** A pod of a hosted control plane. */
function controlPlane(label: Readonly<Record<string, string>>, spec: Readonly<Record<string, unknown>> = {}): unknown {
  const container = { name: "kube-apiserver", image: "kube-apiserver:v1.36.3" };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "kube-apiserver-0", namespace: "tenant", labels: label },
    spec: { automountServiceAccountToken: false, containers: [{ name: "etcd", image: "etcd" }, container], ...spec },
  };
}

Deno.test("the chart's policy adds the container before kube-apiserver", async () => {
  const stored = await judge.cluster.kubectl(["create", "--filename=-"], await rendered(values));
  equal(stored.code, 0, stored.stderr);
  const label = { "trousseau.io/inject": "one" };
  // The policy is in force some moments after it is stored.
  let bare = await podOf(controlPlane(label));
  for (let tries = 0; bare.initContainers === undefined && tries < 120; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    bare = await podOf(controlPlane(label));
  }
  const own = { name: "wait", image: "wait", volumeMounts: [{ name: "data", mountPath: "/data" }] };
  const full = await podOf(controlPlane(label, {
    initContainers: [own],
    volumes: [{ name: "data", emptyDir: {} }],
    containers: [{ name: "kube-apiserver", image: "a", volumeMounts: [{ name: "data", mountPath: "/data" }] }],
  }));
  const sidecar =
    parse(await read("kustomize/components/sidecar/deployment.yaml")).spec.template.spec.initContainers[0];
  for (const pod of [bare, full]) {
    // The server adds its defaults.
    deepEqual(partOf(pod.initContainers[0], sidecar), sidecar);
    const server = pod.containers.find(({ name }: { name: string }) => name === "kube-apiserver");
    const paths: string[] = server.volumeMounts.map((mount: { mountPath: string }) => mount.mountPath);
    ok(paths.includes("/run/trousseau") && paths.includes("/etc/kubernetes/enc"), paths.join());
    ok(
      pod.volumes.some(({ secret }: { secret?: { secretName: string } }) =>
        secret?.secretName === "trousseau-credentials"
      ),
    );
  }
  deepEqual(full.initContainers.map(({ name }: { name: string }) => name), ["trousseau", "wait"]);
  equal((await podOf(controlPlane({ "trousseau.io/inject": "two" }))).initContainers, undefined);
  const elsewhere = await judge.dryRun(JSON.stringify(controlPlane(label, { containers: [own] })));
  match(elsewhere.stderr, /denied|expression/);
});

async function podOf(pod: unknown) {
  const { code, stdout, stderr } = await judge.dryRun(JSON.stringify(pod));
  equal(code, 0, stderr);
  return JSON.parse(stdout).spec;
}

/** The fields of a value that a pattern has. */
function partOf(value: unknown, pattern: unknown): unknown {
  if (Array.isArray(value) && Array.isArray(pattern)) return value.map((item, at) => partOf(item, pattern[at]));
  if (typeof value !== "object" || value === null || typeof pattern !== "object" || pattern === null) return value;
  return Object.fromEntries(
    Object.entries(pattern).map(([name, inner]) => [name, partOf((value as Record<string, unknown>)[name], inner)]),
  );
}
