import { deepEqual, equal } from "node:assert/strict";
import { writeHost } from "../../../tests/support/host_folder.ts";
import { apiServerOfWords, findApiServer } from "./api_server.ts";
import { flagValue } from "./flags.ts";
import { hostFiles } from "./host_files.ts";
import { hostUnits } from "./units.ts";

/** The findings on a node with some files. */
async function foundWith(files: Readonly<Record<string, string>>) {
  await using host = await writeHost(files);
  const on = hostFiles(host.root);
  const found = await findApiServer(on, await hostUnits(on));
  if (found === undefined) return undefined;
  const { by, path, flags, user, groups, service } = found;
  return { by, path, file: flagValue(flags, "encryption-provider-config"), user, groups, service };
}

const pod =
  "spec: { containers: [{ name: kube-apiserver, command: [kube-apiserver, --encryption-provider-config=/e] }] }";

Deno.test("findApiServer() finds kubeadm's static pod first", async () => {
  deepEqual(
    await foundWith({
      "/etc/kubernetes/manifests/kube-apiserver.yaml": pod,
      "/etc/rancher/k3s/config.yaml": "kube-apiserver-arg: [a=b]\n",
    }),
    {
      by: "static pod",
      path: "/etc/kubernetes/manifests/kube-apiserver.yaml",
      file: "/e",
      user: 0,
      groups: [0],
      service: "kubelet.service",
    },
  );
});

Deno.test("findApiServer() finds the static pod that RKE2 has written", async () => {
  const path = "/var/lib/rancher/rke2/agent/pod-manifests/kube-apiserver.yaml";
  const found = await foundWith({ [path]: pod, "/etc/rancher/rke2/config.yaml": "kube-apiserver-arg: [a=b]\n" });
  deepEqual([found?.path, found?.service], [path, "rke2-server.service"]);
});

Deno.test("findApiServer() reads the arguments of k3s from its files in order, and from its unit", async () => {
  const files = {
    "/etc/rancher/k3s/config.yaml": "kube-apiserver-arg:\n  - encryption-provider-config=/first\n",
    "/etc/rancher/k3s/config.yaml.d/10.yaml": 'kube-apiserver-arg+: "encryption-provider-config=/second"\n',
  };
  const found = await foundWith(files);
  deepEqual([found?.by, found?.file, found?.service], ["k3s", "/second", "k3s.service"]);
  equal(
    (await foundWith({ ...files, "/etc/rancher/k3s/config.yaml.d/20.yaml": "kube-apiserver-arg: x=y" }))?.file,
    undefined,
  );
  const alone = '["--feature-gates", "encryption-provider-config=/third"]';
  equal((await foundWith({ "/etc/rancher/k3s/config.yaml": `kube-apiserver-arg: ${alone}\n` }))?.file, "/third");
  const unit = "[Service]\nExecStart=/usr/local/bin/k3s server --kube-apiserver-arg=encryption-provider-config=/unit\n";
  equal((await foundWith({ ...files, "/etc/systemd/system/k3s.service": unit }))?.file, "/unit");
});

Deno.test("findApiServer() knows the file of the distribution's own encryption", async () => {
  const found = await foundWith({ "/etc/rancher/k3s/config.yaml": "secrets-encryption: true\n" });
  equal(found?.file, "/var/lib/rancher/k3s/server/cred/encryption-config.json");
});

Deno.test("findApiServer() reads the distribution's own encryption as Go reads it, the command line first", async () => {
  const own = "/var/lib/rancher/k3s/server/cred/encryption-config.json";
  const fileOf = async (value: string, words = "") =>
    (await foundWith({
      "/etc/rancher/k3s/config.yaml": `secrets-encryption: ${value}\n`,
      "/etc/systemd/system/k3s.service": `[Service]\nExecStart=/bin/k3s server ${words}\n`,
    }))?.file;
  deepEqual(await Promise.all(['"true"', "T", "1", "true"].map((value) => fileOf(value))), Array(4).fill(own));
  deepEqual(await Promise.all(['"false"', "0", "[]", "null"].map((value) => fileOf(value))), Array(4).fill(undefined));
  equal(await fileOf("false", "--secrets-encryption"), own);
  equal(await fileOf("false", "--secrets-encryption=t"), own);
  equal(await fileOf("true", "--secrets-encryption=false"), undefined);
});

Deno.test("findApiServer() reads the unit that the installer of k3s writes", async () => {
  const unit = "[Service]\nEnvironmentFile=-/etc/default/%N\nExecStart=/usr/local/bin/k3s \\\n    server \\\n" +
    "\t'--kube-apiserver-arg' \\\n\t'--encryption-provider-config=/e.yaml' \\\n\n";
  equal((await foundWith({ "/etc/systemd/system/k3s.service": unit }))?.file, "/e.yaml");
});

Deno.test("findApiServer() reads a unit with its user and groups", async () => {
  deepEqual(
    await foundWith({
      "/etc/systemd/system/kube-apiserver.service":
        "[Service]\nUser=kube\nExecStart=/opt/kube-apiserver --encryption-provider-config /e\n",
      "/etc/passwd": "root:x:0:0::/:/bin/sh\nkube:x:998:997::/:/bin/false\n",
      "/etc/group": "kube:x:997:\ntrousseau:x:996:other,kube\n",
    }),
    {
      by: "systemd",
      path: "/etc/systemd/system/kube-apiserver.service",
      file: "/e",
      user: 998,
      groups: [997, 996],
      service: "kube-apiserver.service",
    },
  );
});

Deno.test("findApiServer() finds none on another machine, and in files that are none", async () => {
  equal(await foundWith({}), undefined);
  equal(
    await foundWith({
      "/etc/kubernetes/manifests/kube-apiserver.yaml": "[",
      "/etc/systemd/system/a.service": "ExecStart",
    }),
    undefined,
  );
});

Deno.test("apiServerOfWords() reads a copy of /proc/PID/cmdline", () => {
  const { flags, user } = apiServerOfWords("args", "kube-apiserver\0--encryption-provider-config=/e\0");
  deepEqual([flagValue(flags, "encryption-provider-config"), user], ["/e", 0]);
});
