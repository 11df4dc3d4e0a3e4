import { deepEqual, match } from "node:assert/strict";
import { writeHost } from "../../../../tests/support/host_folder.ts";
import { findApiServer } from "../../../config/apiserver/api_server.ts";
import { hostFiles } from "../../../config/apiserver/host_files.ts";
import { apiServerFindings } from "./api_server_findings.ts";

const manifestPath = "/etc/kubernetes/manifests/kube-apiserver.yaml";
const encryptionPath = "/etc/kubernetes/enc/encryption.yaml";

/** A healthy static pod; each part can be replaced. */
const pod = {
  flags: ["--encryption-provider-config=/enc/encryption.yaml", "--encryption-provider-config-automatic-reload=true"],
  mounts: { "/enc": "/etc/kubernetes/enc", "/run/trousseau": "/run/trousseau" } as Record<string, string>,
};

const ours = { name: "trousseau", apiVersion: "v2", endpoint: "unix:///run/trousseau/kms.sock", timeout: "3s" };

/** A healthy file. */
const healthy = [{ resources: ["secrets", "configmaps"], providers: [{ kms: ours }] as object[] }];

function manifest({ flags, mounts }: typeof pod): string {
  const volumes = Object.entries(mounts).map(([, path], index) => ({ name: `v${index}`, hostPath: { path } }));
  const volumeMounts = Object.keys(mounts).map((mountPath, index) => ({ name: `v${index}`, mountPath }));
  const container = { name: "kube-apiserver", command: ["kube-apiserver", ...flags], volumeMounts };
  return JSON.stringify({ apiVersion: "v1", kind: "Pod", spec: { containers: [container], volumes } });
}

function encryption(resources: unknown): string {
  return JSON.stringify({ apiVersion: "apiserver.config.k8s.io/v1", kind: "EncryptionConfiguration", resources });
}

/** The findings that are not good, as ID and sentence. */
async function faults(
  changes: Partial<typeof pod> = {},
  resources: unknown = healthy,
  socket = "/run/trousseau/kms.sock",
) {
  await using host = await writeHost({
    [manifestPath]: manifest({ ...pod, ...changes }),
    [encryptionPath]: encryption(resources),
  });
  const files = hostFiles(host.root);
  const findings = await apiServerFindings({ start: await findApiServer(files, []), given: undefined, socket, files });
  return findings.filter(({ severity }) => severity !== "ok");
}

/** Their IDs. */
async function ids(...subject: Parameters<typeof faults>): Promise<readonly string[]> {
  return (await faults(...subject)).map(({ id }) => id);
}

/** One entry for secrets with other providers. */
function withProviders(...providers: readonly object[]) {
  return [{ resources: ["secrets"], providers }];
}

const aescbc = { aescbc: { keys: [{ name: "k", secret: btoa("0".repeat(32)) }] } };

Deno.test("apiServerFindings() finds nothing in a healthy static pod", async () => {
  deepEqual(await ids(), []);
});

Deno.test("apiServerFindings() says that there is no kube-apiserver", async () => {
  await using host = await writeHost({});
  const files = hostFiles(host.root);
  const findings = await apiServerFindings({ start: undefined, given: undefined, socket: undefined, files });
  deepEqual(findings.map(({ id, severity }) => [id, severity]), [["apiserver-absent", "skip"]]);
});

Deno.test("apiServerFindings() finds that nothing is encrypted", async () => {
  deepEqual(await ids({ flags: [] }), ["encryption-off"]);
});

Deno.test("apiServerFindings() finds missing mounts, and a mount of the socket alone", async () => {
  deepEqual(await ids({ mounts: { "/run/trousseau": "/run/trousseau" } }), ["encryption-unmounted"]);
  deepEqual(await ids({ mounts: { "/enc": "/etc/kubernetes/enc" } }), ["socket-unmounted"]);
  const alone = { "/enc": "/etc/kubernetes/enc", "/run/trousseau/kms.sock": "/run/trousseau/kms.sock" };
  deepEqual(await ids({ mounts: alone }), ["socket-mounted-alone"]);
});

Deno.test("apiServerFindings() warns of a mount of the EncryptionConfiguration alone", async () => {
  const alone = { "/enc/encryption.yaml": encryptionPath, "/run/trousseau": "/run/trousseau" };
  const [found, ...rest] = await faults({ mounts: alone });
  deepEqual([found?.id, found?.severity, rest], ["encryption-mounted-alone", "warn", []]);
  deepEqual(await ids({ mounts: { ...alone, "/enc": "/etc/kubernetes/enc" } }), ["encryption-mounted-alone"]);
});

Deno.test("apiServerFindings() finds a file that is missing, and one that kube-apiserver refuses", async () => {
  const missing = await faults({ mounts: { ...pod.mounts, "/enc": "/etc/none" } });
  deepEqual(missing.map(({ id }) => id), ["encryption-unreadable"]);
  const [refused] = await faults({}, withProviders({ kms: { ...ours, tiemout: "3s" } }));
  deepEqual(refused?.id, "encryption-unreadable");
  match(refused?.sentence ?? "", /knows no such field; did you mean "timeout"\?/);
});

Deno.test("apiServerFindings() compares the endpoint, through the mounts of the pod", async () => {
  deepEqual(await ids({}, healthy, "/run/other/kms.sock"), ["endpoint-missing"]);
  const moved = { ...pod.mounts, "/run/trousseau": "/run/other" };
  deepEqual(await ids({ mounts: moved }, healthy, "/run/other/kms.sock"), []);
});

Deno.test("apiServerFindings() takes /var/run for /run, in the endpoint, in the mounts and in the socket", async () => {
  const at = "/var/run/trousseau";
  const inVar = withProviders({ kms: { ...ours, endpoint: `unix://${at}/kms.sock` } });
  const mounts = { "/enc": "/etc/kubernetes/enc" };
  for (const resources of [inVar, healthy]) {
    for (const socket of ["/run/trousseau/kms.sock", `${at}/kms.sock`]) {
      deepEqual(await ids({}, resources, socket), []);
      deepEqual(await ids({ mounts: { ...mounts, "/run/trousseau": at } }, resources, socket), []);
      deepEqual(await ids({ mounts: { ...mounts, [at]: "/run/trousseau" } }, resources, socket), []);
      deepEqual(await ids({ mounts: { ...mounts, [at]: at } }, resources, socket), []);
    }
  }
  const alone = { ...mounts, [`${at}/kms.sock`]: `${at}/kms.sock` };
  deepEqual(await ids({ mounts: alone }), ["socket-mounted-alone"]);
  deepEqual(await ids({}, inVar, "/run/other/kms.sock"), ["endpoint-missing"]);
});

Deno.test("apiServerFindings() finds timeouts that are too short or too long", async () => {
  for (
    const [timeout, expected] of [
      ["3s", []],
      ["0.05m", []],
      ["1s500ms", ["timeout-short"]],
      ["1m", ["timeout-long"]],
    ] as const
  ) {
    deepEqual(await ids({}, withProviders({ kms: { ...ours, timeout } })), expected, timeout);
  }
});

Deno.test("apiServerFindings() finds KMS v1, without its gate and with it, and a gate that is left", async () => {
  const old = withProviders({ kms: { name: "trousseau", endpoint: ours.endpoint } });
  const gated = { flags: [...pod.flags, "--feature-gates=KMSv1=true"] };
  deepEqual(await ids({}, old), ["api-v1-gate"]);
  deepEqual(await ids(gated, old), ["api-v1"]);
  deepEqual(await ids(gated), ["gate-left"]);
});

Deno.test("apiServerFindings() finds another provider before the plugin, and what is left behind it", async () => {
  const kms = { kms: ours };
  deepEqual(await ids({}, withProviders({ identity: {} }, kms)), ["plain-written"]);
  deepEqual(await ids({}, withProviders(aescbc, kms)), ["encryption-exposed", "other-written"]);
  deepEqual(await ids({}, withProviders(kms, { identity: {} })), ["identity-left"]);
  deepEqual(await ids({}, withProviders(kms, aescbc)), ["encryption-exposed", "others-left"]);
});

Deno.test("apiServerFindings() takes identity alone for an exemption, except of secrets", async () => {
  const [kms, identity] = [{ kms: ours }, { identity: {} }];
  const entries = (...all: [string, ...object[]][]) =>
    all.map(([resource, ...providers]) => ({ resources: resource.split(" "), providers }));
  for (
    const exempt of [
      entries(["events", identity], ["*.*", kms]),
      entries(["secrets", kms], ["*.*", identity]),
      entries(["configmaps pods", identity], ["secrets", kms]),
    ]
  ) deepEqual(await ids({}, exempt), [], JSON.stringify(exempt));
  for (
    const plain of [
      entries(["secrets", identity], ["configmaps", kms]),
      entries(["*.", identity], ["deployments.apps", kms]),
      entries(["events", identity, kms], ["secrets", { kms: { ...ours, name: "second" } }]),
    ]
  ) deepEqual((await ids({}, plain))[0], "plain-written", JSON.stringify(plain));
  deepEqual(await ids({}, entries(["secrets", kms], ["secrets", identity])), ["plain-written", "resource-twice"]);
});

Deno.test("apiServerFindings() finds resources that are missing, doubled or misspelt", async () => {
  const providers = [{ kms: ours }];
  deepEqual(await ids({}, [{ resources: ["configmaps"], providers }]), ["secrets-missing"]);
  const second = [{ kms: { ...ours, name: "second" } }];
  const twice = [{ resources: ["secrets"], providers }, { resources: ["configmaps", "secrets"], providers: second }];
  deepEqual(await ids({}, twice), ["resource-twice"]);
  const [misspelt] = await faults({}, [{ resources: ["secrets", "configmap"], providers }]);
  deepEqual(misspelt?.sentence.includes('("configmaps" is probably meant)'), true);
});

Deno.test("apiServerFindings() finds that a changed file needs a restart", async () => {
  const [file = ""] = pod.flags;
  const reload = "--encryption-provider-config-automatic-reload";
  deepEqual(await ids({ flags: [file] }), ["reload-off"]);
  deepEqual(await ids({ flags: [file, `${reload}=f`] }), ["reload-off"]);
  for (const flag of [reload, `${reload}=1`, `${reload}=True`, `${reload}=t`]) {
    deepEqual(await ids({ flags: [file, flag] }), [], flag);
  }
});

Deno.test("apiServerFindings() takes the file of --encryption-config, also without a kube-apiserver", async () => {
  await using host = await writeHost({ "/given.yaml": encryption(healthy) });
  const files = hostFiles(host.root);
  const findings = await apiServerFindings({ start: undefined, given: "/given.yaml", socket: undefined, files });
  deepEqual(findings.map(({ id }) => id), ["apiserver-found"]);
});
