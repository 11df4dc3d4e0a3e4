/**
 * Rules for all forms of deployment. `tests/ship` tries them with the tools of their users.
 *
 * @module
 */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { readEncryptionFile } from "../lib/config/encryption/file.ts";
import { isOwnMount } from "../lib/config/apiserver/manifest_mounts.ts";
import { readApiServerPod } from "../lib/config/apiserver/static_pod.ts";
import { contentOf, fakeFiles } from "../tests/support/fake_files.ts";
import { environmentFrom } from "../lib/config/environment.ts";
import { loadConfig } from "../lib/config/load.ts";

const root = new URL(".", import.meta.url);
const folders = ["cluster-api", "hosted", "k3s", "kops", "kubeadm", "kubespray", "kustomize", "rke2"];

async function* yamlFiles(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(`${folder}/`, root))) {
    if (isDirectory) yield* yamlFiles(`${folder}/${name}`);
    else if (name.endsWith(".yaml")) yield `${folder}/${name}`;
  }
}

const read = (path: string) => Deno.readTextFile(new URL(path, root));
const texts = new Map<string, string>();
for (const folder of folders) for await (const path of yamlFiles(folder)) texts.set(path, await read(path));

for (const [path, text] of texts) {
  Deno.test(`${path} is YAML that says in its first lines what it is for`, () => {
    deepEqual(parseAllDocuments(text).flatMap(({ errors }) => errors.map(({ message }) => message)), []);
    if (!path.startsWith("kustomize/components") && !path.startsWith("kustomize/examples")) match(text, /^# \S/);
  });
}

Deno.test("every form of which kube-apiserver is told gives it the flag and the reload", () => {
  const told = [...texts].filter(([path]) => !/kustomize|kops|rootless/.test(path));
  ok(told.length >= 6);
  for (const [path, text] of told) {
    match(
      text,
      /encryption-provider-config(=|: |\n +value: )\/etc\/(kubernetes\/enc|rancher\/\w+\/encryption)\//,
      path,
    );
    match(text, /encryption-provider-config-automatic-reload(=|: "|\n +value: ")true/, path);
  }
});

Deno.test("each form that mounts folders names the volumes as apiserver enable does, so that undo finds them", () => {
  const mounting = [...texts].filter(([path]) => /^(cluster-api|kubeadm|kubespray)\/[\w-]+\.yaml$/.test(path));
  equal(mounting.length, 3);
  for (const [path, text] of mounting) {
    const names = [...text.matchAll(/- name: (\S+)\n +hostPath: (\S+)/g)].map(([, name, folder]) => [folder, name]);
    deepEqual(
      names,
      [["/etc/kubernetes/enc", "trousseau-encryption-config"], ["/run/trousseau", "trousseau-socket"]],
      path,
    );
    for (const [, name] of names) ok(isOwnMount({ name }), name);
  }
});

Deno.test("every manifest runs the image of this version", async () => {
  const { version }: { version: string } = JSON.parse(await read("../deno.json"));
  const images = [...texts.values()].flatMap((text) => [...text.matchAll(/image: localhost\/trousseau:(\S+)/g)]);
  ok(images.length >= 4);
  for (const [, tag] of images) equal(tag, version);
  for (const key of ["version", "appVersion"]) {
    match(await read("helm/trousseau/Chart.yaml"), new RegExp(`^${key}: ${RegExp.escape(version)}$`, "m"));
  }
});

Deno.test("no pod of the protected cluster needs anything of its API server", () => {
  const text = texts.get("kustomize/base/daemonset.yaml") ?? "";
  for (const word of ["serviceAccountName", "imagePullSecrets", "secretKeyRef", "configMap:", "secret:"]) {
    ok(!text.includes(word), word);
  }
  match(text, /automountServiceAccountToken: false/);
  match(text, /imagePullPolicy: Never/);
  match(text, /priorityClassName: system-node-critical/);
});

Deno.test("the example of a hosted control plane has a configuration and an EncryptionConfiguration", async () => {
  const path = "kustomize/examples/hosted/trousseau.yaml";
  const text = texts.get(path) ?? "";
  const named = [...text.matchAll(/\/etc\/trousseau-credentials\/[\w.-]+/g)].map(([file]) => file);
  const contents = Object.fromEntries(named.map((file) => [file, contentOf(file)]));
  const config = await loadConfig(
    path,
    environmentFrom(() => undefined),
    fakeFiles({ contents: { ...contents, [path]: text } }),
  );
  equal(config.socket.path, "/run/trousseau/kms.sock");
  deepEqual(readEncryptionFile("config.yaml", texts.get("kustomize/examples/hosted/config.yaml") ?? "").doubts, []);
});

Deno.test("the group of the rootless patch is that of the static pod", async () => {
  const [patch] = parseAllDocuments(texts.get("kubeadm/rootless/kube-apiserver+json.yaml") ?? "").map((one) =>
    one.toJS()
  );
  const [pod] = parseAllDocuments(await read("kubernetes/static-pod.yaml")).map((one) => one.toJS());
  deepEqual(patch, [{
    op: "add",
    path: "/spec/securityContext/supplementalGroups/-",
    value: pod.spec.securityContext.runAsGroup,
  }]);
  equal(readApiServerPod(await read("kubernetes/static-pod.yaml")), undefined);
});

for (
  const [file, service] of [["rke2/rke2-server.conf", "rke2-server.service"], ["k3s/k3s.conf", "k3s.service"]] as const
) {
  Deno.test(`${file} orders the unit before ${service}`, async () => {
    equal(
      (await read(file)).split("\n").filter((line) => !line.startsWith("#")).join("\n"),
      `[Unit]\nBefore=${service}\n`,
    );
  });
}
